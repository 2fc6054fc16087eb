import { describe, expect, it } from 'vitest';
import type { NetworkAsset, NetworkEnd } from '../api/types';
import { conversationsQuery, endText, madeBy, titleOf, traitsOf } from './network';

const asset: NetworkAsset = {
  id: 'a1', sensor: { deviceId: 's', moduleId: 'm' }, site: null, assetId: '10.0.0.9@12', macAddress: null, ipAddress: '10.0.0.9',
  type: 'PLC', vendor: 'Rockwell Automation', model: null, orderCode: null, firmware: '20.11', hardwareRevision: null, serialNumber: null,
  name: null, hostname: null, operatingSystem: null, location: null, mode: null, userName: null, macAddresses: [], ipAddresses: ['10.0.0.9'],
  formerIpAddresses: [], vlans: ['12'], serves: ['enip'], uses: [], purdueLevel: 1, local: true, router: false, scanner: false,
  programmingDevice: false, gone: false, firstSeen: '2026-03-01T08:00:00Z', lastSeen: '2026-03-01T09:00:00Z', device: null,
};
const end = (address: string | null, macAddress: string | null = null): NetworkEnd => ({
  address, macAddress, assetId: null, deviceId: null, processes: [], moreProcesses: 0,
});

describe('an asset', () => {
  it('is called by what people call it, else by an address', () => {
    expect(titleOf(asset)).toBe('10.0.0.9');
    expect(titleOf({ ...asset, hostname: 'plc-1' })).toBe('plc-1');
    expect(titleOf({ ...asset, hostname: 'plc-1', name: 'boiler' })).toBe('boiler');
    expect(titleOf({ ...asset, ipAddress: null, assetId: null })).toBe('a1');
  });
  it('says who made it, as far as that is known', () => {
    expect(madeBy(asset)).toBe('Rockwell Automation 20.11');
  });
  it('has traits', () => {
    expect(traitsOf(asset)).toEqual([]);
    expect(traitsOf({ ...asset, router: true, local: false })).toEqual(['Router', 'Behind a router']);
    expect(traitsOf({ ...asset, local: false, gone: true })).toEqual(['Part of another device now']);
  });
});

describe('an end', () => {
  it('is an address with a port, or a hardware address', () => {
    expect(endText(end('10.0.0.9'), 502)).toBe('10.0.0.9:502');
    expect(endText(end('2001:db8::9'), 4840)).toBe('[2001:db8::9]:4840');
    expect(endText(end(null, '00:1d:9c:00:00:09'))).toBe('00:1d:9c:00:00:09');
    expect(endText(end('10.0.0.9'))).toBe('10.0.0.9');
  });
});

it('asks for conversations by address, whatever is in it', () => {
  expect(conversationsQuery(['10.0.0.9', '"x'])).toContain('in ("10.0.0.9", "\\"x")');
});
