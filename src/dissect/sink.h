#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "dissect/evidence.h"
#include "dissect/message.h"

namespace dissect {

// What is wrong with what was said: the protocol was broken, or is not understood.
struct Issue {
  enum class Kind : std::uint8_t {
    Truncated,    // it ends before it should
    Malformed,    // a value that cannot be
    Violation,    // well-formed, and not allowed by the standard here
    Unsupported,  // allowed, and not read by us
    LeftOut,      // beyond a bound of ours
  };
  Kind kind = Kind::Malformed;
  const char* what = "";     // a literal: "function code 0"
  std::uint32_t code = 0;    // the value found, where there is one
  std::uint32_t offset = 0;  // in the message
};

// Single values of a message, by name: for people, and to be compared with other dissectors. Only
// made when somebody listens. Names are lower case with underscores, and stable: they are in the
// protocol's reference page.
class Details {
 public:
  virtual ~Details() = default;
  virtual void number(std::string_view name, std::uint64_t value) = 0;
  virtual void real(std::string_view name, double value) = 0;
  virtual void text(std::string_view name, std::string_view value) = 0;
  virtual void bytes(std::string_view name, base::ByteView value) = 0;
};

// Where a parser's findings go. Everything passed is good during the call only.
class Sink {
 public:
  explicit Sink(Details* details = nullptr) : details_(details) {}
  virtual ~Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  virtual void message(const Message& message) = 0;
  virtual void evidence(const Evidence& evidence) = 0;
  virtual void issue(const Issue& issue) = 0;

  bool wants_details() const { return details_ != nullptr; }
  void number(std::string_view name, std::uint64_t value) {
    if (details_ != nullptr) details_->number(name, value);
  }
  void real(std::string_view name, double value) {
    if (details_ != nullptr) details_->real(name, value);
  }
  void text(std::string_view name, std::string_view value) {
    if (details_ != nullptr) details_->text(name, value);
  }
  void bytes(std::string_view name, base::ByteView value) {
    if (details_ != nullptr) details_->bytes(name, value);
  }
  // Foreign text, made printable(); costs nothing when nobody listens.
  void shown(std::string_view name, std::string_view value, std::size_t limit = 256);

  // The usual case of evidence: about who sent it. Nothing when the value is empty.
  void tell(Fact fact, std::string_view value, Confidence confidence = Confidence::Protocol);

 private:
  Details* details_;
};

}  // namespace dissect
