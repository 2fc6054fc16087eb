#include "hub/jobs/line_reader.h"

#include <algorithm>
#include <string_view>

#include "os/file.h"

namespace hub::jobs {

using base::Result;

namespace {

constexpr std::size_t kBuffer = 64 * 1024;
constexpr std::string_view kMark = "\xEF\xBB\xBF";

}  // namespace

// False at the end of the file.
Result<bool> LineReader::fill() {
  buffer_.resize(kBuffer);
  filled_ = TRY(os::read_at(file_, buffer_, read_));
  read_ += filled_;
  used_ = 0;
  return filled_ > 0;
}

Result<LineReader::Next> LineReader::next(std::string& line) {
  line.clear();
  const bool first = at_ == 0;
  bool some = false;
  bool too_long = false;
  for (;;) {
    if (used_ == filled_ && !TRY(fill())) break;
    some = true;
    const std::string_view left =
        base::as_text(base::ByteView(buffer_).subspan(used_, filled_ - used_));
    const std::size_t end = left.find('\n');
    const std::string_view piece = left.substr(0, end);
    const std::size_t room = longest_ - std::min(longest_, line.size());
    too_long = too_long || piece.size() > room;
    line += piece.substr(0, room);
    const std::size_t taken = piece.size() + (end == std::string_view::npos ? 0 : 1);
    used_ += taken;
    at_ += taken;
    if (end != std::string_view::npos) break;
  }
  if (!some) return Next::End;
  if (line.ends_with('\r')) line.pop_back();
  if (first && line.starts_with(kMark)) line.erase(0, kMark.size());
  return too_long ? Next::TooLong : Next::Line;
}

}  // namespace hub::jobs
