#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dissect/protocol.h"

namespace dissect::described {

struct Program;

// A protocol that is data: fields, lengths, choices, numbers' names, and what operations do, in a
// JSON text (docs/reference/protocol-descriptions.md). It is read like any other, by a bounded
// interpreter. Must outlive all sessions, and all that keeps what they told.
class Description {
 public:
  // `file` is for messages to people. Errors: Malformed (no JSON; the detail begins with
  // FILE:LINE), TooLarge (kMostText), Invalid: the detail has a line for each problem, "FILE:LINE:
  // what".
  static constexpr std::size_t kMostText = 1U << 20U;
  static base::Result<std::unique_ptr<Description>> compile(std::string_view json,
                                                            std::string file);
  ~Description();
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;

  const Protocol& protocol() const { return protocol_; }

 private:
  explicit Description(std::unique_ptr<Program> program);

  std::unique_ptr<Program> program_;
  Protocol protocol_;
};

// A file of content/protocols.
struct BuiltinFile {
  std::string_view name;
  std::string_view text;
};
std::span<const BuiltinFile> builtin_files();

// The protocols that are described there.
std::span<const Protocol* const> builtin();

}  // namespace dissect::described
