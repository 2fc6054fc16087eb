import type { Device, Module } from '../api/types';

// What the device's agent says about itself: the first module that has one.
export function agentOf(device: Device): Module['agent'] {
  return device.modules.find((module) => module.agent !== undefined)?.agent;
}

// A KQL string literal of any text.
export function kqlString(text: string): string {
  const escaped = text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n').replace(/\r/g, '\\r').replace(/\t/g, '\\t');
  return `"${escaped}"`;
}

export function recentEventsQuery(deviceId: string): string {
  return [
    'SecurityIoTRawEvent',
    `| where DeviceId == ${kqlString(deviceId)}`,
    '| order by TimeStamp desc',
    '| take 25',
    '| project TimeStamp, RawEventName, EventDetails, IoTRawEventId',
  ].join('\n');
}
