#include "sigma/saving.h"

#include <bit>

namespace sigma {

using base::Code;
using base::fail;

void write_number(base::ByteWriter& out, std::int64_t number) {
  out.u64le(static_cast<std::uint64_t>(number));
}

void write_real(base::ByteWriter& out, double number) {
  out.u64le(std::bit_cast<std::uint64_t>(number));
}

void write_text(base::ByteWriter& out, std::string_view text) {
  out.u32le(static_cast<std::uint32_t>(text.size()));
  out.text(text);
}

void write_time(base::ByteWriter& out, base::WallTime time) {
  write_number(out, time.time_since_epoch().count());
}

void write_entry(base::ByteWriter& out, const Entry& entry) {
  write_time(out, entry.time);
  out.u32le(entry.position);
  write_number(out, entry.count);
  write_real(out, entry.number);
  write_text(out, entry.text);
}

base::Result<std::int64_t> read_number(base::Cursor& in) {
  return static_cast<std::int64_t>(TRY(in.u64le()));
}

base::Result<double> read_real(base::Cursor& in) {
  return std::bit_cast<double>(TRY(in.u64le()));
}

base::Result<std::string> read_text(base::Cursor& in) {
  const std::uint32_t size = TRY(in.u32le());
  return std::string(base::as_text(TRY(in.bytes(size))));
}

base::Result<base::WallTime> read_time(base::Cursor& in) {
  return base::WallTime(std::chrono::nanoseconds(TRY(read_number(in))));
}

base::Result<Entry> read_entry(base::Cursor& in, std::size_t positions) {
  Entry entry;
  entry.time = TRY(read_time(in));
  entry.position = TRY(in.u32le());
  entry.count = TRY(read_number(in));
  entry.number = TRY(read_real(in));
  entry.text = TRY(read_text(in));
  if (entry.position >= positions || entry.count < 1) return fail(Code::Malformed, "entry");
  return entry;
}

base::Result<std::size_t> read_count(base::Cursor& in, std::size_t least) {
  const std::uint32_t count = TRY(in.u32le());
  if (count > in.remaining() / least) return fail(Code::Malformed, "count");
  return std::size_t{count};
}

}  // namespace sigma
