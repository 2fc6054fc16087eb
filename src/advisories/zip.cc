#include "advisories/zip.h"

#include <algorithm>
#include <array>
#include <vector>

#include "advisories/inflate.h"
#include "base/bytes.h"

namespace advisories {

using base::ByteVec;
using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

constexpr std::uint32_t kEndMark = 0x06054B50;
constexpr std::uint32_t kEnd64Mark = 0x06064B50;
constexpr std::uint32_t kLocator64Mark = 0x07064B50;
constexpr std::uint32_t kDirectoryMark = 0x02014B50;
constexpr std::uint32_t kLocalMark = 0x04034B50;
constexpr std::size_t kEndBytes = 22;
constexpr std::size_t kLocatorBytes = 20;
constexpr std::size_t kEnd64Bytes = 56;
constexpr std::size_t kDirectoryBytes = 46;
constexpr std::size_t kLocalBytes = 30;
constexpr std::size_t kMaxComment = 65535;
constexpr std::size_t kMaxName = 1024;
constexpr std::uint64_t kMaxEntries = 4'000'000;
constexpr std::size_t kWindow = 65536;
constexpr std::uint32_t kIn64 = 0xFFFFFFFF;

struct Directory {
  std::uint64_t at = 0;
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
};

Result<ByteVec> read_exactly(Source& source, std::uint64_t at, std::size_t count) {
  ByteVec bytes(count);
  if (TRY(source.read_at(bytes, at)) != count)
    return fail(Code::Truncated, "zip archive", static_cast<std::int64_t>(at));
  return bytes;
}

// Where there are more entries or bytes than fit into the old fields.
Result<void> read_end64(Source& source, std::uint64_t end_at, Directory& out) {
  if (end_at < kLocatorBytes) return {};
  const ByteVec locator = TRY(read_exactly(source, end_at - kLocatorBytes, kLocatorBytes));
  Cursor cursor(locator);
  if (TRY(cursor.u32le()) != kLocator64Mark) return {};
  TRY(cursor.skip(4));
  const std::uint64_t at = TRY(cursor.u64le());
  if (at > end_at) return fail(Code::Malformed, "zip archive", -1, "its end is elsewhere");
  const ByteVec end = TRY(read_exactly(source, at, kEnd64Bytes));
  Cursor fields(end);
  if (TRY(fields.u32le()) != kEnd64Mark) return fail(Code::Malformed, "zip archive", -1, "end");
  TRY(fields.skip(28));  // size, versions, disks, entries on this disk
  out.entries = TRY(fields.u64le());
  out.bytes = TRY(fields.u64le());
  out.at = TRY(fields.u64le());
  return {};
}

Result<Directory> find_directory(Source& source) {
  const std::uint64_t size = source.size();
  if (size < kEndBytes) return fail(Code::Truncated, "zip archive");
  const auto tail_bytes =
      static_cast<std::size_t>(std::min<std::uint64_t>(size, kEndBytes + kMaxComment));
  const std::uint64_t tail_at = size - tail_bytes;
  const ByteVec tail = TRY(read_exactly(source, tail_at, tail_bytes));
  for (std::size_t i = tail.size() - kEndBytes + 1; i-- > 0;) {
    Cursor cursor(base::ByteView(tail).subspan(i));
    if (TRY(cursor.u32le()) != kEndMark) continue;
    TRY(cursor.skip(6));
    Directory out;
    out.entries = TRY(cursor.u16le());
    out.bytes = TRY(cursor.u32le());
    out.at = TRY(cursor.u32le());
    TRY(read_end64(source, tail_at + i, out));
    if (out.at > size || out.bytes > size - out.at || out.entries > kMaxEntries)
      return fail(Code::Malformed, "zip archive", -1, "its directory is beyond its end");
    return out;
  }
  return fail(Code::Truncated, "zip archive", -1, "it has no end");
}

// The large numbers of an entry whose small fields are full.
Result<void> read_extra(Cursor extra, ZipEntry& entry) {
  while (extra.remaining() >= 4) {
    const std::uint16_t kind = TRY(extra.u16le());
    const std::uint16_t size = TRY(extra.u16le());
    Cursor field = TRY(extra.sub(size));
    if (kind != 1) continue;
    if (entry.unpacked == kIn64) entry.unpacked = TRY(field.u64le());
    if (entry.packed == kIn64) entry.packed = TRY(field.u64le());
    if (entry.at == kIn64) entry.at = TRY(field.u64le());
  }
  return {};
}

// The directory through a window, so that it need not fit into memory.
class DirectoryReader {
 public:
  DirectoryReader(Source& source, const Directory& directory)
      : source_(source), at_(directory.at), end_(directory.at + directory.bytes) {}

  Result<ZipEntry> next() {
    Cursor head(TRY(bytes(kDirectoryBytes)));
    if (TRY(head.u32le()) != kDirectoryMark)
      return fail(Code::Malformed, "zip archive", static_cast<std::int64_t>(at_), "no entry");
    ZipEntry entry;
    TRY(head.skip(4));
    entry.encrypted = (TRY(head.u16le()) & 1U) != 0;
    entry.method = TRY(head.u16le());
    TRY(head.skip(8));
    entry.packed = TRY(head.u32le());
    entry.unpacked = TRY(head.u32le());
    const std::size_t name = TRY(head.u16le());
    const std::size_t extra = TRY(head.u16le());
    const std::size_t comment = TRY(head.u16le());
    TRY(head.skip(8));
    entry.at = TRY(head.u32le());
    const std::size_t rest = name + extra;
    if (name > kMaxName) return fail(Code::TooLarge, "zip archive", -1, "a name");
    Cursor tail(TRY(bytes(kDirectoryBytes + rest)).subspan(kDirectoryBytes));
    entry.name = base::as_text(TRY(tail.bytes(name)));
    TRY(read_extra(TRY(tail.sub(extra)), entry));
    at_ += kDirectoryBytes + rest + comment;
    return entry;
  }

 private:
  // So many bytes from here on.
  Result<base::ByteView> bytes(std::size_t count) {
    if (count > end_ - std::min(at_, end_))
      return fail(Code::Truncated, "zip archive", static_cast<std::int64_t>(at_), "directory");
    const bool there = at_ >= window_at_ && at_ + count <= window_at_ + window_.size();
    if (!there) {
      window_.resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(std::max(kWindow, count), end_ - at_)));
      window_at_ = at_;
      if (TRY(source_.read_at(window_, at_)) != window_.size())
        return fail(Code::Truncated, "zip archive", static_cast<std::int64_t>(at_), "directory");
    }
    return base::ByteView(window_).subspan(static_cast<std::size_t>(at_ - window_at_), count);
  }

  Source& source_;
  std::uint64_t at_;
  std::uint64_t end_;
  std::uint64_t window_at_ = 0;
  ByteVec window_;
};

}  // namespace

Result<void> each_zip_entry(Source& source,
                            const std::function<Result<void>(const ZipEntry&)>& take) {
  const Directory directory = TRY(find_directory(source));
  DirectoryReader reader(source, directory);
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    const ZipEntry entry = TRY(reader.next());
    TRY(take(entry));
  }
  return {};
}

Result<void> read_zip_entry(Source& source, const ZipEntry& entry, std::size_t most,
                            std::string& out) {
  out.clear();
  if (entry.encrypted || (entry.method != 0 && entry.method != 8))
    return fail(Code::Unsupported, "zip entry", -1, "encrypted, or packed in another way");
  if (entry.unpacked > most || entry.packed > most) return fail(Code::TooLarge, "zip entry");
  const ByteVec head = TRY(read_exactly(source, entry.at, kLocalBytes));
  Cursor cursor(head);
  if (TRY(cursor.u32le()) != kLocalMark) return fail(Code::Malformed, "zip entry", -1, "no head");
  TRY(cursor.skip(22));
  const std::size_t name = TRY(cursor.u16le());
  const std::size_t extra = TRY(cursor.u16le());
  const std::uint64_t at = entry.at + kLocalBytes + name + extra;
  const ByteVec packed = TRY(read_exactly(source, at, static_cast<std::size_t>(entry.packed)));
  if (entry.method == 0) {
    out = base::as_text(packed);
    return {};
  }
  Inflate inflate(Inflate::Wrapping::None);
  TRY(inflate.feed(packed, [&](std::string_view text) -> Result<void> {
    if (out.size() + text.size() > most) return fail(Code::TooLarge, "zip entry");
    out += text;
    return {};
  }));
  if (!inflate.complete()) return fail(Code::Truncated, "zip entry");
  return {};
}

}  // namespace advisories
