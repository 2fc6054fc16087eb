#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "dissect/described/program.h"
#include "dissect/objects.h"
#include "dissect/protocol.h"
#include "dissect/reader.h"
#include "dissect/sink.h"

namespace dissect::described {

// Values of requests, for responses that do not repeat them. The latest kMost of a flow.
class Memory {
 public:
  static constexpr std::size_t kMost = 64;
  using Kept = std::array<std::int64_t, kMostRemembered>;

  void remember(Side asker, std::int64_t key, const Kept& values);
  // What that side asked last under the key; null: nothing.
  const Kept* recall(Side asker, std::int64_t key) const;

 private:
  struct One {
    Side asker = Side::A;
    std::int64_t key = 0;
    Kept values{};
  };
  std::vector<One> ring_;
  std::size_t next_ = 0;
};

// Carries out a program's blocks over one message after the other. Memory and time are bounded:
// no more than kMostSteps statements a message, nested no deeper than the program is. Threads: one.
class Machine final : private Values {
 public:
  // Blocks within each other, as one may use another that was nested already.
  static constexpr std::size_t kMostDepth = 64;

  // What became of a run.
  enum class End : std::uint8_t {
    Done,
    Truncated,  // it wants more bytes than there are
    Failed,     // a value is not what it has to be: problem()
    TooMuch,    // more repetitions or steps than are carried out
  };
  struct Input {
    base::ByteView bytes;
    std::size_t size = 0;  // of the whole message; `bytes` may be less
    Side side = Side::A;
    bool from_server = false;
  };

  // Nothing may be null but `objects` and `memory`: nothing is told then, and nothing remembered.
  Machine(const Program& program, Objects* objects, Memory* memory)
      : program_(program), objects_(objects), memory_(memory), values_(program.slots.size()) {}

  // With no sink it only looks.
  End run(BlockId block, const Input& input, Sink* sink);
  // Of the latest run. The sink is to be told the last message.
  void finish(std::uint32_t default_bytes);
  std::int64_t evaluate(const Expression& expression) const { return expression.evaluate(*this); }
  const char* problem() const { return problem_; }
  std::size_t offset() const { return base_ + reader_.offset(); }
  // Whether there was a message, or anything that was reported.
  bool told() const { return told_; }
  bool reported() const { return reported_; }

 private:
  struct Value {
    std::int64_t number = 0;
    double real = 0;
    base::ByteView bytes;
  };

  std::int64_t value_of(Name name) const override;
  void block(BlockId id);
  void fail(End end, const char* problem);
  void out_of_bytes();

  void operator()(const ReadField& field);
  void operator()(const Skip& skip);
  void operator()(const Let& let);
  void operator()(const If& condition);
  void operator()(const Switch& choice);
  void operator()(const Repeat& repeat);
  void operator()(const Within& within);
  void operator()(const Use& use) { block(use.block); }
  void operator()(const Tell& tell);
  void operator()(const AddObject& object);
  void operator()(const SetStatus& status);
  void operator()(const TellFact& fact);
  void operator()(const Report& report);
  void operator()(const Check& check);
  void operator()(const Require& require);
  void operator()(const Remember& remember);
  void operator()(const Recall& recall);
  friend struct Carry;

  void read_number(const ReadField& field);
  void read_bytes(const ReadField& field);
  void show_number(SlotId slot, bool is_signed);
  const Entry* entry_of(SlotId slot) const;
  void operation(SlotId slot, Operation& into);
  // The text of a template, in scratch_.
  std::string_view render(const Template& pieces);
  void report(Issue::Kind kind, const char* what, std::int64_t code);

  const Program& program_;
  Objects* objects_;
  Memory* memory_;
  std::vector<Value> values_;
  Input input_;
  Sink* sink_ = nullptr;
  Reader reader_;
  std::size_t base_ = 0;   // where reader_'s bytes begin in the message
  std::size_t depth_ = 0;  // of parts of the message
  std::size_t nesting_ = 0;
  std::uint32_t steps_ = 0;
  End end_ = End::Done;
  const char* problem_ = "";
  bool told_ = false;
  bool reported_ = false;
  bool open_ = false;  // message_ is not told yet
  bool sized_ = false;
  Message message_;
  std::string scratch_;
};

}  // namespace dissect::described
