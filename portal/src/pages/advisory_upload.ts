// Brings a bundle of advisories to the hub. The command line does the same (src/cli/advisory.cc).
import { hub } from '../api/hub';
import type { AdvisoryImport } from '../api/types';

// As much as a piece may have.
const kPieceBytes = 1 << 20;
const kEndings = ['.gz', '.zip', '.json', '.jsonl', '.ndjson'];
export const kNamePattern = '[a-z0-9][a-z0-9._\\-]{0,63}';

// What a bundle is called by default: as its file, without endings.
export function bundleName(file: string): string {
  let name = file.toLowerCase();
  for (const ending of kEndings) if (name.endsWith(ending)) name = name.slice(0, -ending.length);
  return name.replace(/[^a-z0-9._-]/g, '-').replace(/^[._-]+/, '').slice(0, 64);
}

// Resolves when all of it has arrived and will be read. What had come is given up when anything fails.
export async function uploadBundle(
  file: Blob,
  name: string,
  { signal, onprogress }: { signal: AbortSignal; onprogress: (share: number) => void },
): Promise<AdvisoryImport> {
  const upload = await hub.beginAdvisoryUpload(name);
  try {
    for (let offset = 0; offset < file.size; offset += kPieceBytes) {
      const piece = file.slice(offset, offset + kPieceBytes);
      await hub.putAdvisoryPiece(upload.id, offset, piece, signal);
      onprogress((offset + piece.size) / file.size);
    }
    return await hub.importAdvisoryUpload(upload.id);
  } catch (error) {
    // It would end by itself after a while, but takes the place of another until then.
    await hub.abandonAdvisoryUpload(upload.id).catch(() => undefined);
    throw error;
  }
}
