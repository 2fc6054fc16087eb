import { afterEach, describe, expect, test, vi } from 'vitest';
import { hub } from '../api/hub';
import type { AdvisoryImport } from '../api/types';
import { bundleName, kNamePattern, uploadBundle } from './advisory_upload';

afterEach(() => vi.restoreAllMocks());

test('a bundle is called like its file', () => {
  const cases = [
    ['debian.json', 'debian'], ['Debian.JSON.gz', 'debian'], ['Red%20Hat.zip', 'red-20hat'], ['..hidden.ndjson', 'hidden'],
    ['---', ''], [`${'x'.repeat(80)}.zip`, 'x'.repeat(64)],
  ] as const;
  for (const [file, name] of cases) {
    expect(bundleName(file)).toBe(name);
    if (name !== '') expect(name).toMatch(new RegExp(`^${kNamePattern}$`));
  }
});

describe('uploadBundle', () => {
  const import_ = { id: 'u1' } as AdvisoryImport;
  function spies() {
    return {
      begin: vi.spyOn(hub, 'beginAdvisoryUpload').mockResolvedValue(import_),
      put: vi.spyOn(hub, 'putAdvisoryPiece').mockResolvedValue(import_),
      finish: vi.spyOn(hub, 'importAdvisoryUpload').mockResolvedValue(import_),
      abandon: vi.spyOn(hub, 'abandonAdvisoryUpload').mockResolvedValue(undefined),
    };
  }
  const file = new Blob([new Uint8Array(2.5 * 1024 * 1024)]);

  test('sends pieces one after the other, then has them imported', async () => {
    const { put, finish, abandon } = spies();
    const shares: number[] = [];
    await uploadBundle(file, 'debian', { signal: new AbortController().signal, onprogress: (share) => shares.push(share) });
    expect(put.mock.calls.map(([id, offset, piece]) => [id, offset, piece.size])).toEqual([
      ['u1', 0, 1_048_576], ['u1', 1_048_576, 1_048_576], ['u1', 2_097_152, 524_288],
    ]);
    expect(shares).toEqual([0.4, 0.8, 1]);
    expect(finish).toHaveBeenCalledWith('u1');
    expect(abandon).not.toHaveBeenCalled();
  });

  test('gives up what had come when a piece is refused', async () => {
    const { put, finish, abandon } = spies();
    put.mockResolvedValueOnce(import_).mockRejectedValueOnce(new Error('too large'));
    abandon.mockRejectedValueOnce(new Error('gone'));
    const sent = uploadBundle(file, 'debian', { signal: new AbortController().signal, onprogress: () => {} });
    await expect(sent).rejects.toThrow('too large');
    expect(finish).not.toHaveBeenCalled();
    expect(abandon).toHaveBeenCalledWith('u1');
  });
});
