import { expect, test } from 'vitest';
import { byteSize } from './bytes';

test('sizes have three digits at most', () => {
  const cases: [number, string][] = [
    [0, '0 B'], [1, '1 B'], [999, '999 B'], [1000, '0.98 KiB'], [1024, '1.00 KiB'], [1500, '1.46 KiB'], [10_230, '9.99 KiB'],
    [10_239, '10.0 KiB'], [102_400, '100 KiB'], [1_023_487, '999 KiB'], [1_023_488, '0.98 MiB'], [1024 ** 2 - 1, '1.00 MiB'],
    [5 * 1024 ** 3, '5.00 GiB'], [1024 ** 5, '1.00 PiB'],
  ];
  for (const [bytes, text] of cases) expect(byteSize(bytes)).toBe(text);
});
