#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace advisories {

// Unpacks DEFLATE as it comes (RFC 1951), with or without the head and tail of gzip (RFC 1952), of
// which several may follow each other.
class Inflate {
 public:
  enum class Wrapping : std::uint8_t { None, Gzip };
  explicit Inflate(Wrapping wrapping);
  ~Inflate();
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;

  using Sink = std::function<base::Result<void>(std::string_view)>;
  // Errors: Malformed, those of the sink.
  base::Result<void> feed(base::ByteView bytes, const Sink& sink);
  // Whether what came so far may be all.
  bool complete() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace advisories
