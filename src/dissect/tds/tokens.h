#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/sink.h"

namespace dissect::tds {

// How something went, by what a server answers.
struct Answer {
  // Numbers of rows have eight bytes since version 7.2, four before. None: not known; then it is
  // what fits.
  std::optional<bool> wide;
  bool logged_in = false;
  bool failed = false;
  std::uint32_t error = 0;  // the first one's number
  std::string server;       // who answers, by its errors and notices
  std::string database;     // that is used from now on
};

// Tokens at the beginning of an answer, up to the first whose length is not known: rows and what
// describes them. The last one, which says how it ended, is read behind those, too, when `whole`.
// Source: MS-TDS 2.2.7.
void read_tokens(base::ByteView bytes, bool whole, Answer& answer, Sink& sink);

// "login failed"; empty: not known. Source: SQL Server's documentation of errors.
std::string_view error_name(std::uint32_t number);

}  // namespace dissect::tds
