#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "base/time.h"
#include "sigma/window.h"

// How what correlations remember is written down, for the sources of this folder. Numbers are
// little-endian, texts have their length before them. Errors of reading: Truncated, Malformed.
namespace sigma {

void write_number(base::ByteWriter& out, std::int64_t number);
void write_real(base::ByteWriter& out, double number);
void write_text(base::ByteWriter& out, std::string_view text);
void write_time(base::ByteWriter& out, base::WallTime time);
void write_entry(base::ByteWriter& out, const Entry& entry);

base::Result<std::int64_t> read_number(base::Cursor& in);
base::Result<double> read_real(base::Cursor& in);
base::Result<std::string> read_text(base::Cursor& in);
base::Result<base::WallTime> read_time(base::Cursor& in);
// `positions` is how many rules there are: one beyond them is Malformed.
base::Result<Entry> read_entry(base::Cursor& in, std::size_t positions);
// How many of something follow, of `least` bytes each: more than can be there is Malformed.
base::Result<std::size_t> read_count(base::Cursor& in, std::size_t least);

}  // namespace sigma
