// Sizes as people read them: 1 KiB is 1024 bytes.
const kUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

// With three digits at most: "0 B", "1.46 KiB", "23.4 MiB", "0.98 GiB".
export function byteSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // What would need a fourth digit is written in the next unit.
  while (unit + 1 < kUnits.length && value >= 999.5) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)} ${kUnits[unit]}`;
}
