#include "dissect/described/described.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "base/json.h"
#include "dissect/described/compiler.h"
#include "dissect/described/machine.h"
#include "dissect/described/program.h"
#include "dissect/described/source.h"
#include "dissect/described/syntax.h"

namespace dissect::described {

namespace {

bool begins_well(const Framing& framing, std::uint8_t first) {
  return framing.begin.empty() || std::ranges::any_of(framing.begin, [first](const Range& one) {
           return first >= one.from && first <= one.to;
         });
}

// The end is looked for behind the first byte, which may be like it.
Frame to_end(const Framing& framing, base::ByteView bytes) {
  const base::ByteView seen = bytes.first(std::min(bytes.size(), framing.most));
  const auto found = std::ranges::search(seen.subspan(1), framing.end);
  if (!found.empty()) {
    const auto before = static_cast<std::size_t>(found.begin() - seen.begin());
    return Frame::pdu(before + framing.end.size());
  }
  return bytes.size() >= framing.most ? Frame::lost() : Frame::need();
}

Frame divide(const Program& program, Machine& machine, const Machine::Input& input) {
  const Framing& framing = program.framing;
  const base::ByteView bytes = input.bytes;
  if (bytes.empty()) return Frame::need();
  if (!begins_well(framing, bytes[0])) return Frame::lost();
  if (framing.kind == Framing::Kind::End) return to_end(framing, bytes);
  if (framing.read) {
    const auto end = machine.run(*framing.read, input, nullptr);
    const bool waits = end == Machine::End::Truncated && bytes.size() < framing.most;
    if (waits) return Frame::need();
    if (end != Machine::End::Done) return Frame::lost();
  }
  const std::int64_t size = machine.evaluate(*framing.size);
  if (size < 1 || static_cast<std::uint64_t>(size) > framing.most) return Frame::lost();
  return Frame::pdu(static_cast<std::size_t>(size));
}

// Takes the escapes out of `bytes`, into `scratch` if there are any.
base::ByteView plain(const Escape& escape, base::ByteView bytes, base::ByteVec& scratch) {
  if (std::ranges::find(bytes, escape.sign) == bytes.end()) return bytes;
  scratch.clear();
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::uint8_t byte = bytes[i];
    if (byte == escape.sign && i + 1 < bytes.size() && bytes[i + 1] <= escape.most) {
      const std::uint8_t next = bytes[++i];
      byte = static_cast<std::uint8_t>((next + escape.add) ^ escape.exclusive_or);
    }
    scratch.push_back(byte);
  }
  return scratch;
}

class DescribedSession final : public Session {
 public:
  DescribedSession(const Program& program, const FlowInfo& flow)
      : program_(program), flow_(flow), machine_(program, &objects_, &memory_) {}

  Frame frame(Side side, base::ByteView bytes) override {
    if (program_.framing.kind == Framing::Kind::None) return Frame::pdu(bytes.size());
    return divide(program_, machine_, {bytes, bytes.size(), side, side == flow_.server});
  }

  void take(const Pdu& pdu, Sink& sink) override {
    base::ByteView bytes = pdu.bytes;
    std::size_t size = pdu.size;
    if (program_.escape) {
      bytes = plain(*program_.escape, bytes, scratch_);
      size -= std::min(size, pdu.bytes.size() - bytes.size());
    }
    const auto end =
        machine_.run(program_.message, {bytes, size, pdu.side, pdu.side == flow_.server}, &sink);
    if (end != Machine::End::Done) {
      const auto kind = end == Machine::End::Truncated ? Issue::Kind::Truncated
                        : end == Machine::End::Failed  ? Issue::Kind::Malformed
                                                       : Issue::Kind::LeftOut;
      sink.issue({kind, machine_.problem(), 0, static_cast<std::uint32_t>(machine_.offset())});
    }
    machine_.finish(static_cast<std::uint32_t>(size));
  }

 private:
  const Program& program_;
  const FlowInfo flow_;
  Objects objects_;
  Memory memory_;
  Machine machine_;
  base::ByteVec scratch_;
};

// A message fits when it is read to its end without anything to report.
Match judge(const Program& program, const Sample& sample) {
  const bool stream = sample.flow.transport == Transport::Tcp;
  if (sample.bytes.empty()) return stream ? Match::Unsure : Match::No;
  Machine machine(program, nullptr, nullptr);
  const bool from_server = sample.side == sample.flow.server;
  Machine::Input input{sample.bytes, sample.bytes.size(), sample.side, from_server};
  if (program.framing.kind != Framing::Kind::None && stream) {
    const Frame frame = divide(program, machine, input);
    if (frame.kind == Frame::Kind::Lost) return Match::No;
    if (frame.kind == Frame::Kind::Incomplete) return Match::Unsure;
    if (frame.size > sample.bytes.size()) return Match::Unsure;
    // Statements of a probe's own see all that has arrived.
    if (!program.probe) {
      input.bytes = sample.bytes.first(frame.size);
      input.size = frame.size;
    }
  }
  base::ByteVec scratch;
  if (program.escape) {
    input.bytes = plain(*program.escape, input.bytes, scratch);
    input.size = input.bytes.size();
  }
  const auto end = machine.run(program.probe.value_or(program.message), input, nullptr);
  const bool fits =
      end == Machine::End::Done && !machine.reported() && (program.probe || machine.told());
  return fits ? program.match : Match::No;
}

Match probe_with(const void* program, const Sample& sample) {
  return judge(*static_cast<const Program*>(program), sample);
}

std::unique_ptr<Session> open_with(const void* program, const FlowInfo& flow) {
  return std::make_unique<DescribedSession>(*static_cast<const Program*>(program), flow);
}

}  // namespace

Description::Description(std::unique_ptr<Program> program) : program_(std::move(program)) {
  protocol_.name = program_->name;
  protocol_.title = program_->title;
  protocol_.industrial = program_->industrial;
  protocol_.transports = program_->transports;
  protocol_.ports = program_->ports;
  protocol_.selectors = program_->selectors;
  protocol_.probe = {probe_with, program_.get()};
  protocol_.open = {open_with, program_.get()};
}

Description::~Description() = default;

base::Result<std::unique_ptr<Description>> Description::compile(std::string_view json,
                                                                std::string file) {
  if (json.size() > kMostText)
    return base::fail(base::Code::TooLarge, "protocol description", -1, std::move(file));
  const auto parsed = base::json::parse(json);
  if (!parsed) {
    const std::size_t at = json_until(json);
    const auto line = 1 + std::ranges::count(json.substr(0, at), '\n');
    return base::fail(base::Code::Malformed, "protocol description", static_cast<std::int64_t>(at),
                      fmt::format("{}:{}: not JSON", file, line));
  }
  Source source(json, std::move(file));
  auto program = std::make_unique<Program>();
  Compiler(source, *program).compile(*parsed);
  if (!source.good()) return std::unexpected(source.error());
  return std::unique_ptr<Description>(new Description(std::move(program)));
}

std::span<const Protocol* const> builtin() {
  static const std::vector<std::unique_ptr<Description>> descriptions = [] {
    std::vector<std::unique_ptr<Description>> all;
    for (const BuiltinFile& one : builtin_files()) {
      auto made = Description::compile(one.text, std::string(one.name));
      ASSERT(made.has_value());
      all.push_back(std::move(*made));
    }
    return all;
  }();
  static const std::vector<const Protocol*> protocols = [] {
    std::vector<const Protocol*> all;
    for (const auto& one : descriptions)
      all.push_back(&one->protocol());
    return all;
  }();
  return protocols;
}

}  // namespace dissect::described
