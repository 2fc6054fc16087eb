// What pages about networks share. Pure.
import type { DeviceNetwork, NetworkAsset, NetworkEnd } from '../api/types';
import { m } from '../i18n';
import { kqlString } from './device';

// What people would call it.
export function titleOf(asset: NetworkAsset): string {
  return asset.name ?? asset.hostname ?? asset.ipAddress ?? asset.macAddress ?? asset.assetId ?? asset.id;
}

export function madeBy(asset: NetworkAsset): string {
  return [asset.vendor, asset.model, asset.firmware].filter((each) => each !== null).join(' ');
}

export function traitsOf(asset: NetworkAsset): string[] {
  const traits = m.network.traits;
  const said: [boolean, string][] = [
    [asset.router, traits.router],
    [asset.scanner, traits.scanner],
    [asset.programmingDevice, traits.programmingDevice],
    [!asset.local && !asset.gone, traits.remote],
    [asset.gone, traits.gone],
  ];
  return said.filter(([is]) => is).map(([, text]) => text);
}

// Address and port; IPv6 in brackets.
export function endText(end: NetworkEnd, port: number | null = null): string {
  const address = end.address ?? end.macAddress ?? '';
  if (port === null) return address;
  return `${address.includes(':') && end.address !== null ? `[${address}]` : address}:${port}`;
}

// All that an asset or a device said to others, for the query page.
export function conversationsQuery(addresses: readonly string[]): string {
  const list = addresses.map(kqlString).join(', ');
  return [
    'NetworkConversation',
    `| where ClientAddress in (${list}) or ServerAddress in (${list})`,
    '| order by LastSeen desc',
    '| take 100',
  ].join('\n');
}

// Network addresses of all assets that are the device, each once.
export function addressesOf(network: DeviceNetwork): string[] {
  return [...new Set(network.assets.flatMap((asset) => asset.ipAddresses))];
}
