#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "dissect/message.h"
#include "dissect/sink.h"
#include "dissect/text.h"

namespace dissect {

// The objects of one message, with room for names that are composed: a session keeps one, so that
// messages need no memory of their own. What is given is good until the next begin(). Threads: one.
class Objects {
 public:
  void begin() {
    count_ = 0;
    used_ = 0;
  }

  // Gives the message one more. What is beyond kMaxObjects is left out, which is told once.
  void add(Message& message, Sink& sink, const Object& object) {
    if (count_ == kMaxObjects) {
      if (!told_) sink.issue({Issue::Kind::LeftOut, "more objects than are kept", 0, 0});
      told_ = true;
      return;
    }
    told_ = false;
    objects_[count_++] = object;
    message.objects = {objects_.data(), count_};
  }

  // Foreign text as printable() has it: itself where that makes no difference.
  std::string_view shown(std::string_view text, std::size_t limit = 256) {
    return plain(text) ? text.substr(0, limit) : compose({printable(text, limit)});
  }
  // The parts behind each other; what does not fit is cut.
  std::string_view compose(std::initializer_list<std::string_view> parts) {
    const std::size_t begin = used_;
    for (const std::string_view part : parts)
      append(part);
    return {names_.data() + begin, used_ - begin};
  }
  std::string_view digits(std::uint64_t number) {
    std::array<char, 20> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
    return compose({std::string_view(text.data(), static_cast<std::size_t>(end - text.data()))});
  }
  // `text` with `part` behind it: in place when it was composed last.
  std::string_view extend(std::string_view text, std::string_view part) {
    if (text.data() + text.size() != names_.data() + used_ || text.empty())
      return compose({text, part});
    const std::size_t before = used_;
    append(part);
    return {text.data(), text.size() + (used_ - before)};
  }
  std::string_view extend(std::string_view text, std::uint64_t number) {
    std::array<char, 20> digits{};
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    const std::string_view shown(digits.data(), static_cast<std::size_t>(end - digits.data()));
    return extend(text, shown);
  }

 private:
  void append(std::string_view part) {
    const std::size_t room = std::min(part.size(), names_.size() - used_);
    part.copy(names_.data() + used_, room);
    used_ += room;
  }

  std::array<Object, kMaxObjects> objects_;
  std::array<char, 1024> names_{};
  std::size_t count_ = 0;
  std::size_t used_ = 0;
  bool told_ = false;
};

}  // namespace dissect
