#include "schema/decode.h"

#include <utility>

#include "schema/json_text.h"
#include "schema/members_of.h"
#include "schema/read_event.h"

namespace schema {

namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;

enum Member : std::uint8_t { AgentVersion, AgentId, SchemaVersion, Events, Count };
constexpr std::array<std::string_view, Count> kMemberNames{"AgentVersion", "AgentId",
                                                           "MessageSchemaVersion", "Events"};
constexpr std::array<std::string_view, Count> kMemberExpected{"a text", "a UUID", "\"1.0\"",
                                                              "an array of events"};

std::optional<std::string_view> text_of(const element* value) {
  if (value == nullptr || value->type() != element_type::STRING) return std::nullopt;
  return std::string_view(*value);
}

// What a message says of itself, and its events for whoever reads them.
struct Envelope {
  std::string_view agent_version;
  base::Guid agent_id;
  std::optional<simdjson::dom::array> events;
};

Envelope read_envelope(element root, Report& report) {
  const Path top;
  Envelope envelope;
  if (root.type() != element_type::OBJECT) {
    report.violation(top, "an object, a security message", root);
    return envelope;
  }
  MembersOf<Count> members;
  members.read(simdjson::dom::object(root), kMemberNames, top, report);
  for (std::size_t i = 0; i < Count; ++i) {
    if (members.find(i) == nullptr) report.missing(top, kMemberNames[i], kMemberExpected[i]);
  }
  const auto check = [&](Member member, bool good, std::string_view expected) {
    const element* value = members.find(member);
    if (value != nullptr && !good)
      report.violation(Path(top, kMemberNames[member]), std::string(expected), *value);
  };

  const auto version = text_of(members.find(AgentVersion));
  check(AgentVersion, version.has_value(), "a text");
  envelope.agent_version = version.value_or("");

  const auto id_text = text_of(members.find(AgentId));
  const auto id = id_text ? read_id(*id_text) : std::nullopt;
  check(AgentId, id.has_value(), "a text of 36 characters, a UUID");
  envelope.agent_id = id.value_or(base::Guid());

  check(SchemaVersion, text_of(members.find(SchemaVersion)) == "1.0", "\"1.0\"");

  const element* events = members.find(Events);
  if (events != nullptr && events->type() == element_type::ARRAY)
    envelope.events = simdjson::dom::array(*events);
  const bool any = envelope.events && envelope.events->size() > 0;
  check(Events, any, envelope.events ? "at least one event" : "an array of events");
  return envelope;
}

// A text member of something that need not even be an object, cut to what fits a log.
std::string shown_member(element value, std::string_view name) {
  constexpr std::size_t kMaxShown = 64;
  simdjson::dom::element member;
  if (value.type() != element_type::OBJECT || value[name].get(member)) return {};
  return std::string(text_of(&member).value_or("").substr(0, kMaxShown));
}

Violation violation_of(const JsonError& error) {
  return Violation{"", error.expected, error.found};
}

}  // namespace

std::string_view to_string(Leniency leniency) {
  return kLeniencyNames.at(static_cast<std::size_t>(leniency));
}

struct Decoder::State {
  JsonText text;

  Decoded decode(element root, Mode mode) const {
    Decoded decoded;
    Report report(mode);
    const Envelope envelope = read_envelope(root, report);
    decoded.agent_version = envelope.agent_version;
    decoded.agent_id = envelope.agent_id;
    decoded.message_violations = report.take_violations();
    if (!envelope.events) return decoded;

    Allowance allowance;
    const Path top;
    const Path events_path(top, "Events");
    std::size_t violations = 0;
    std::size_t index = 0;
    for (const element value : *envelope.events) {
      if (index == kMaxEvents) {
        report.violation(events_path, "at most " + std::to_string(kMaxEvents) + " events",
                         std::string("more"));
        for (Violation& violation : report.take_violations())
          decoded.message_violations.push_back(std::move(violation));
        break;
      }
      DecodedEvent event;
      event.index = index++;
      read_event(value, Path(events_path, event.index), report, allowance, event.event);
      const auto used = report.take_leniencies();
      if (report.clean()) {
        for (const UsedLeniency& leniency : used)
          ++decoded.leniencies[static_cast<std::size_t>(leniency.leniency)];
        decoded.events.push_back(std::move(event));
      } else {
        RefusedEvent refused{event.index, shown_member(value, "Id"), shown_member(value, "Name"),
                             report.take_violations()};
        violations += refused.violations.size();
        if (violations >= kMaxMessageViolations) report.set_limit(1);
        decoded.refused.push_back(std::move(refused));
      }
    }
    return decoded;
  }

  Verdict validate(element root, Mode mode) const {
    Report report(mode);
    const Envelope envelope = read_envelope(root, report);
    Allowance allowance{Keep::Nothing};
    const Path top;
    const Path events_path(top, "Events");
    std::size_t index = 0;
    if (envelope.events) {
      for (const element value : *envelope.events) {
        if (report.full()) break;
        Event scratch;
        read_event(value, Path(events_path, index++), report, allowance, scratch);
      }
    }
    return Verdict{report.take_violations(), report.take_leniencies()};
  }
};

Decoder::Decoder() : state_(std::make_unique<State>()) {}
Decoder::~Decoder() = default;
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;

Decoded Decoder::decode(std::string_view json, Mode mode) {
  Decoded refused;
  if (json.size() > kMaxMessageBytes) {
    refused.message_violations.push_back({"",
                                          "at most " + std::to_string(kMaxMessageBytes) + " bytes",
                                          std::to_string(json.size()) + " bytes"});
    return refused;
  }
  const auto root = state_->text.parse(json);
  if (root) return state_->decode(*root, mode);
  refused.message_violations.push_back(violation_of(root.error()));
  return refused;
}

Verdict Decoder::validate(std::string_view json, Mode mode) {
  const auto root = state_->text.parse(json);
  if (!root) return Verdict{{violation_of(root.error())}, {}};
  return state_->validate(*root, mode);
}

base::Result<std::vector<Verdict>> Decoder::validate_all(std::string_view json, Mode mode) {
  const auto root = state_->text.parse(json);
  if (!root) {
    return base::fail(base::Code::Malformed, "not JSON",
                      static_cast<std::int64_t>(root.error().offset),
                      "expected " + root.error().expected + ", found " + root.error().found);
  }
  std::vector<Verdict> verdicts;
  if (root->type() == element_type::ARRAY) {
    for (const element message : simdjson::dom::array(*root))
      verdicts.push_back(state_->validate(message, mode));
  } else {
    verdicts.push_back(state_->validate(*root, mode));
  }
  return verdicts;
}

namespace {

Decoder& own_decoder() {
  thread_local Decoder decoder;
  return decoder;
}

}  // namespace

Decoded decode(std::string_view json, Mode mode) {
  return own_decoder().decode(json, mode);
}
Verdict validate(std::string_view json, Mode mode) {
  return own_decoder().validate(json, mode);
}

}  // namespace schema
