#include "agent/logins/readers.h"

#include "agent/logins/log_line.h"
#include "agent/logins/message.h"

namespace agent::logins {

namespace {

constexpr std::size_t kMaxLine = 8192;

std::string origin_of(const char* what, const std::string& path, const TailPosition& position) {
  return std::string(what) + ":" + path + ":" + std::to_string(position.device) + ":" +
         std::to_string(position.inode) + ":" + std::to_string(position.offset);
}

}  // namespace

std::size_t LineReader::operator()(base::ByteView bytes, const TailPosition& position,
                                   base::WallTime now) {
  const std::string_view text = base::as_text(bytes);
  std::size_t done = 0;
  for (;;) {
    const std::size_t end = text.find('\n', done);
    if (end == std::string_view::npos) break;
    const std::string_view whole = text.substr(done, end - done);
    if (skipping_) {
      skipping_ = false;
    } else if (whole.size() > kMaxLine) {
      ++too_long_;
    } else {
      line(whole, {position.device, position.inode, position.offset + done}, now);
    }
    done = end + 1;
  }
  if (text.size() - done > kMaxLine) {
    if (!skipping_) ++too_long_;
    skipping_ = true;
    return text.size();
  }
  return done;
}

void LineReader::line(std::string_view text, const TailPosition& position, base::WallTime now) {
  const auto parts = read_log_line(text, now);
  if (!parts) return;
  if (const auto times = repeats_of_last(parts->message)) {
    if (!last_) return;
    last_->count = *times;
    last_->time = parts->time;
    last_->origin = origin_of("log", path_, position) + ":" + std::string(text);
    callback_(*last_);
    return;
  }
  auto observation = read_message(parts->program, parts->message);
  last_.reset();
  if (!observation) return;
  observation->time = parts->time;
  observation->pid = parts->pid;
  observation->count *= parts->repeats;
  // With the text: a file that was truncated has other lines at the same place.
  observation->origin = origin_of("log", path_, position) + ":" + std::string(text);
  callback_(*observation);
  last_ = std::move(observation);
}

std::size_t UtmpReader::operator()(base::ByteView bytes, const TailPosition& position) {
  if (!layout_) layout_ = utmp_layout(bytes);
  if (!layout_) {
    if (bytes.size() < utmp_size(UtmpLayout::Times64)) return 0;  // wait for a whole record
    ++malformed_;
    return bytes.size();
  }
  const std::size_t size = utmp_size(*layout_);
  std::size_t done = 0;
  for (; bytes.size() - done >= size; done += size) {
    const auto record = bytes.subspan(done, size);
    auto observation = read_utmp(record, *layout_, file_);
    if (!observation) {
      ++malformed_;
      continue;
    }
    if (!*observation) continue;
    (*observation)->origin =
        origin_of("utmp", path_, {position.device, position.inode, position.offset + done}) + ":" +
        base::format_rfc3339((*observation)->time, 6);
    callback_(**observation);
  }
  return done;
}

}  // namespace agent::logins
