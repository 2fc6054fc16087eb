#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "dissect/protocol.h"
#include "dissect/rpc/interfaces.h"
#include "dissect/sink.h"

namespace dissect::rpc {

// Remote procedure calls of DCE over a connection, which is TCP's or a named pipe: who calls which
// procedure of which interface, and how logins inside went. Arguments are read where they say what
// is done to a computer: which service is made, started or stopped. What is encrypted passes by.
// Source: C706 (DCE 1.1 RPC), chapter 12; MS-RPCE section 2.2.2.

inline constexpr std::size_t kHeader = 16;

// One fragment of a stream.
Frame frame(base::ByteView bytes);

// Whether bytes begin a fragment: No, Likely by its header, Yes when it also opens a connection.
Match match(base::ByteView bytes);

// Interfaces that were agreed upon, and calls. Threads: one.
class Association {
 public:
  // `of` tells several connections within a flow apart.
  explicit Association(std::uint16_t of = 0) : of_(of) {}

  // A fragment, or its beginning. False: it is none, which is told.
  bool take(base::ByteView fragment, std::size_t size, Sink& sink);

 private:
  struct Header;
  // What was proposed under a number: at most kMaxContexts, the oldest goes first.
  struct Context {
    std::uint16_t id = 0;
    bool used = false;
    std::string uuid;
    const Interface* known = nullptr;
  };
  static constexpr std::size_t kMaxContexts = 32;

  const Context* find(std::uint16_t id) const;
  void remember(std::uint16_t id, std::string uuid);
  void bind(const Header& header, base::ByteView body, Sink& sink);
  void bind_answer(const Header& header, base::ByteView body, Sink& sink);
  void request(const Header& header, base::ByteView body, Sink& sink);
  void response(const Header& header, base::ByteView body, Sink& sink);
  void fault(const Header& header, base::ByteView body, Sink& sink);
  void simple(const Header& header, base::ByteView body, Sink& sink);
  std::uint64_t key(const Header& header) const;

  std::uint16_t of_;
  std::array<Context, kMaxContexts> contexts_;
  std::size_t next_ = 0;
};

}  // namespace dissect::rpc
