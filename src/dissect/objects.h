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

// What Objects fill.
struct ObjectRoom {
  std::array<Object, kMaxObjects> objects{};
  std::array<char, 1024> names{};
};

// The objects of one message, with room for names that are composed, so that messages need no
// memory of their own. The room is the thread's, not the session's, of which there are very many:
// what is given is good until begin() of any Objects on the thread, so a parser never begins a
// message before it has told the one that it has begun. Threads: one.
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
    room_.objects[count_++] = object;
    message.objects = {room_.objects.data(), count_};
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
    return {room_.names.data() + begin, used_ - begin};
  }
  std::string_view digits(std::uint64_t number) {
    std::array<char, 20> text{};
    const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number);
    return compose({std::string_view(text.data(), static_cast<std::size_t>(end - text.data()))});
  }
  // `text` with `part` behind it: in place when it was composed last.
  std::string_view extend(std::string_view text, std::string_view part) {
    if (text.data() + text.size() != room_.names.data() + used_ || text.empty())
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
    const std::size_t room = std::min(part.size(), room_.names.size() - used_);
    part.copy(room_.names.data() + used_, room);
    used_ += room;
  }

  static constinit inline thread_local ObjectRoom room_{};

  std::size_t count_ = 0;
  std::size_t used_ = 0;
  bool told_ = false;
};

}  // namespace dissect
