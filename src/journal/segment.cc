#include "journal/segment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

#include "base/hash.h"

namespace journal {

using base::ByteVec;
using base::ByteView;
using base::Cursor;
using base::Result;

namespace {

constexpr std::string_view kMagic = "VDTJRNL";
constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kSequenceDigits = 20;
constexpr std::size_t kSaltDigits = 8;
constexpr std::size_t kNameBytes = kSequenceDigits + 1 + kSaltDigits + kSuffix.size();
constexpr std::size_t kWindowBytes = 64U << 10U;

template <class T>
void put_le(T value, std::span<std::uint8_t> out) {
  for (std::size_t i = 0; i < sizeof value; ++i) {
    out[i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

template <class T>
bool parse_digits(std::string_view digits, int base, T& value) {
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  return error == std::errc{} && end == digits.data() + digits.size();
}

struct RecordHeader {
  std::uint32_t checksum = 0;
  std::uint32_t length = 0;
  std::uint64_t sequence = 0;
};

RecordHeader read_record_header(ByteView bytes) {
  Cursor cursor(bytes);
  return {*cursor.u32le(), *cursor.u32le(), *cursor.u64le()};
}

}  // namespace

std::string segment_name(SegmentId id) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, "%020llu-%08x.seg",
                                 static_cast<unsigned long long>(id.first_sequence), id.salt);
  return {text, static_cast<std::size_t>(size)};
}

std::optional<SegmentId> parse_segment_name(std::string_view name) {
  if (name.size() != kNameBytes || !name.ends_with(kSuffix)) return std::nullopt;
  SegmentId id;
  if (!parse_digits(name.substr(0, kSequenceDigits), 10, id.first_sequence)) return std::nullopt;
  if (!parse_digits(name.substr(kSequenceDigits + 1, kSaltDigits), 16, id.salt)) {
    return std::nullopt;
  }
  // One spelling only: what parses is what segment_name() writes.
  if (id.first_sequence == 0 || segment_name(id) != name) return std::nullopt;
  return id;
}

void append_segment_header(SegmentId id, ByteVec& out) {
  std::array<std::uint8_t, kSegmentHeaderBytes> header{};
  std::copy(kMagic.begin(), kMagic.end(), header.begin());
  header[7] = kVersion;
  put_le(id.first_sequence, std::span(header).subspan(8));
  put_le(id.salt, std::span(header).subspan(16));
  put_le(base::crc32c(ByteView(header).first(20)), std::span(header).subspan(20));
  out.insert(out.end(), header.begin(), header.end());
}

HeaderState check_segment_header(ByteView bytes, SegmentId id) {
  if (bytes.size() < kSegmentHeaderBytes) return HeaderState::Damaged;
  bytes = bytes.first(kSegmentHeaderBytes);
  Cursor cursor(bytes);
  const ByteView magic = *cursor.bytes(kMagic.size());
  const std::uint8_t version = *cursor.u8();
  const SegmentId found{*cursor.u64le(), *cursor.u32le()};
  if (*cursor.u32le() != base::crc32c(bytes.first(kSegmentHeaderBytes - 4))) {
    return HeaderState::Damaged;
  }
  if (base::as_text(magic) != kMagic) return HeaderState::Damaged;
  if (version > kVersion) return HeaderState::NewerVersion;
  return version == kVersion && found == id ? HeaderState::Intact : HeaderState::Damaged;
}

void append_record(SegmentId id, std::uint64_t sequence, ByteView payload, ByteVec& out) {
  std::array<std::uint8_t, kRecordHeaderBytes> header{};
  put_le(static_cast<std::uint32_t>(payload.size()), std::span(header).subspan(4));
  put_le(sequence, std::span(header).subspan(8));
  const std::uint32_t start = base::crc32c(ByteView(header).subspan(4), id.salt);
  put_le(base::crc32c(payload, start), header);
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), payload.begin(), payload.end());
}

SegmentScanner::SegmentScanner(Source& source, SegmentId id, std::uint64_t end,
                               std::size_t max_record_bytes)
    : source_(source),
      id_(id),
      end_(std::max<std::uint64_t>(end, kSegmentHeaderBytes)),
      max_record_bytes_(max_record_bytes),
      expected_(id.first_sequence) {}

Result<std::optional<Record>> SegmentScanner::next() {
  if (offset_ == end_) return std::optional<Record>();
  if (TRY(check_at(offset_, expected_)) == Check::Intact) return take(offset_);
  return search();
}

void SegmentScanner::extend(std::uint64_t end, std::uint64_t next_sequence) {
  ASSERT(offset_ == end_ && end >= end_);
  end_ = end;
  expected_ = next_sequence;
}

// Is there an intact record at `offset` with a sequence in expected_..highest_sequence?
Result<SegmentScanner::Check> SegmentScanner::check_at(std::uint64_t offset,
                                                       std::uint64_t highest_sequence) {
  const ByteView start = TRY(window(offset, kRecordHeaderBytes));
  if (start.size() < kRecordHeaderBytes) return Check::End;
  const RecordHeader header = read_record_header(start);
  if (header.sequence < expected_ || header.sequence > highest_sequence) return Check::Bad;
  const std::size_t size = kRecordHeaderBytes + header.length;
  if (header.length > max_record_bytes_ || size > end_ - offset) return Check::Bad;
  const ByteView record = TRY(window(offset, size));
  searched_bytes_ += size;
  if (record.size() < size) return Check::Bad;
  return base::crc32c(record.subspan(4), id_.salt) == header.checksum ? Check::Intact : Check::Bad;
}

// Looks byte by byte for the record at which the damage at offset_ ends.
Result<std::optional<Record>> SegmentScanner::search() {
  searched_bytes_ = 0;
  for (std::uint64_t at = offset_ + 1; at < end_ && searched_bytes_ < search_left_; ++at) {
    // Each record that is missing took at least a header.
    const std::uint64_t highest = expected_ + (at - offset_) / kRecordHeaderBytes;
    const Check check = TRY(check_at(at, highest));
    if (check == Check::End) break;
    if (check == Check::Bad) continue;
    search_left_ -= std::min(search_left_, searched_bytes_);
    damaged_bytes_ += at - offset_;
    return take(at);
  }
  search_left_ -= std::min(search_left_, searched_bytes_);
  offset_ = end_;
  return std::optional<Record>();
}

std::optional<Record> SegmentScanner::take(std::uint64_t offset) {
  // check_at() has brought the whole record into the buffer.
  const ByteView held = ByteView(buffer_).subspan(offset - buffer_offset_);
  const RecordHeader header = read_record_header(held);
  offset_ = offset + kRecordHeaderBytes + header.length;
  intact_end_ = offset_;
  expected_ = header.sequence + 1;
  return Record{header.sequence, held.subspan(kRecordHeaderBytes, header.length)};
}

Result<ByteView> SegmentScanner::window(std::uint64_t offset, std::size_t count) {
  count = static_cast<std::size_t>(std::min<std::uint64_t>(count, end_ - offset));
  const bool held = offset >= buffer_offset_ && offset + count <= buffer_offset_ + buffer_.size();
  if (!held) {
    const std::uint64_t wanted =
        std::min<std::uint64_t>(std::max(count, kWindowBytes), end_ - offset);
    buffer_.resize(static_cast<std::size_t>(wanted));
    buffer_offset_ = offset;
    auto read = source_.read_at(buffer_, offset);
    buffer_.resize(read ? *read : 0);
    if (!read) return std::unexpected(std::move(read).error());
  }
  const ByteView from =
      ByteView(buffer_).subspan(static_cast<std::size_t>(offset - buffer_offset_));
  return from.first(std::min(count, from.size()));
}

}  // namespace journal
