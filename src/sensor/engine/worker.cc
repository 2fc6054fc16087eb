#include "sensor/engine/worker.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "base/json.h"

namespace sensor::engine {

namespace {

constexpr char kDigits[] = "0123456789abcdef";

std::string_view issue_kind(dissect::Issue::Kind kind) {
  static constexpr std::string_view kNames[] = {"truncated", "malformed", "violation",
                                                "unsupported", "left out"};
  return kNames[static_cast<std::size_t>(kind)];
}

void write_end(base::json::Writer& json, std::string_view name, const dissect::End& end) {
  json.key(name);
  json.begin_object();
  if (!end.mac.none()) json.field("mac", end.mac.text());
  if (!end.ip.none()) json.field("ip", end.ip.text());
  if (end.port != 0) json.field("port", std::uint64_t{end.port});
  json.end_object();
}

}  // namespace

void FieldLines::begin(std::string_view name) {
  if (!text_.empty()) text_ += ',';
  text_ += '[';
  base::json::append_quoted(text_, name);
  text_ += ',';
}

void FieldLines::number(std::string_view name, std::uint64_t value) {
  begin(name);
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  text_.append(digits, end);
  text_ += ']';
}

void FieldLines::real(std::string_view name, double value) {
  begin(name);
  base::json::Writer(text_).value(value);
  text_ += ']';
}

void FieldLines::text(std::string_view name, std::string_view value) {
  begin(name);
  base::json::append_quoted(text_, value);
  text_ += ']';
}

void FieldLines::bytes(std::string_view name, base::ByteView value) {
  begin(name);
  text_ += "\"";
  for (const std::uint8_t byte : value) {
    text_ += kDigits[byte >> 4U];
    text_ += kDigits[byte & 0xFU];
  }
  text_ += "\"]";
}

Worker::Worker(const flow::Registry& registry, const WorkerSettings& settings)
    : settings_(settings),
      facts_(settings.fact_capacity),
      tracker_(registry, *this, settings.fields ? &fields_ : nullptr, settings.tracker) {}

void Worker::take(const packet::Packet& packet, base::WallTime now, std::uint64_t position) {
  position_ = position;
  tracker_.take(packet, now);
}

void Worker::pass_time(base::WallTime now, std::uint64_t position) {
  position_ = position;
  tracker_.pass_time(now);
  if (settings_.flows_every.count() != 0) tell_active(now);
}

// At the same moments in all workers, whatever they heard.
void Worker::tell_active(base::WallTime now) {
  const auto which = [this](base::WallTime time) {
    return time.time_since_epoch() / settings_.flows_every;
  };
  if (told_active_ != base::WallTime{} && which(now) == which(told_active_)) return;
  tracker_.each_active(told_active_, [this](flow::Flow& flow) {
    tell_flow(flow, false);
    flow.reported = {.counts = {flow.counts[0], flow.counts[1]},
                     .messages = flow.messages,
                     .issues = flow.issues,
                     .gaps = flow.gaps,
                     .any = true};
  });
  told_active_ = now;
}

void Worker::finish(std::uint64_t position) {
  position_ = position;
  tracker_.finish();
}

template <class Content>
void Worker::tell(std::uint64_t flow, Content content) {
  Record& record = records_.emplace_back();
  record.position = position_;
  record.flow = flow;
  record.content = std::move(content);
}

void Worker::message_begins(const flow::Flow&, const dissect::Pdu&) {
  if (!settings_.fields) return;
  fields_.clear();
  issues_.clear();
}

void Worker::message_ends(const flow::Flow& flow, const dissect::Pdu& pdu) {
  if (!settings_.fields) return;
  MessageRecord record;
  base::json::Writer json(record.line);
  json.begin_object();
  json.field("packet", pdu.packet);
  json.field("time", base::format_rfc3339(pdu.time, 6));
  json.field("protocol", flow.protocol->name);
  json.field("side", pdu.side == flow.info.server ? "server" : "client");
  write_end(json, "from", pdu.from);
  write_end(json, "to", pdu.to);
  if (pdu.vlan != 0) json.field("vlan", std::uint64_t{pdu.vlan});
  json.field("size", std::uint64_t{pdu.size});
  json.key("fields");
  json.raw("[" + fields_.text() + "]");
  if (!issues_.empty()) {
    json.key("issues");
    json.raw("[" + issues_ + "]");
  }
  json.end_object();
  tell(flow.id, std::move(record));
}

void Worker::transaction(const flow::Flow& flow, const dissect::Transaction& transaction) {
  std::uint64_t repeats = 0;
  if (!settings_.all_transactions &&
      !facts_.passes(facts_.of(transaction), transaction.time, repeats))
    return;
  TransactionRecord record;
  record.repeats = repeats;
  record.transaction = transaction;
  tell(flow.id, std::move(record));
}

void Worker::evidence(const flow::Flow& flow, const dissect::Pdu& pdu,
                      const dissect::Evidence& evidence) {
  if (!settings_.facts) return;
  std::uint64_t repeats = 0;
  if (!facts_.passes(evidence, pdu.from, pdu.to, pdu.vlan, flow.protocol->name, pdu.time, repeats))
    return;
  EvidenceRecord record;
  record.time = pdu.time;
  record.packet = pdu.packet;
  record.protocol = flow.protocol->name;
  record.from = pdu.from;
  switch (evidence.about) {
    case dissect::About::Sender:
      record.about = pdu.from;
      break;
    case dissect::About::Receiver:
      record.about = pdu.to;
      break;
    case dissect::About::Address:
      record.about.ip = evidence.ip;
      record.about.mac = evidence.mac;
      break;
  }
  record.vlan = pdu.vlan;
  record.fact = evidence.fact;
  record.confidence = evidence.confidence;
  record.value = evidence.value;
  record.rack = evidence.rack;
  record.slot = evidence.slot;
  tell(flow.id, std::move(record));
}

void Worker::issue(const flow::Flow& flow, const dissect::Pdu& pdu, const dissect::Issue& issue) {
  if (settings_.fields) {
    if (!issues_.empty()) issues_ += ',';
    base::json::append_quoted(issues_, std::string(issue_kind(issue.kind)) + ": " + issue.what);
  }
  IssueRecord record;
  record.time = pdu.time;
  record.packet = pdu.packet;
  if (flow.protocol != nullptr) record.protocol = flow.protocol->name;
  record.from = pdu.from;
  record.to = pdu.to;
  record.vlan = flow.vlan;
  record.issue = issue;
  tell(flow.id, record);
}

// Almost all packets of a flow come from and go to the addresses that its first one had: what those
// two make of a fact stays with the flow.
std::uint64_t Worker::sighting(flow::Flow& flow, dissect::Side side, const packet::Packet& packet) {
  const auto same = [](const dissect::End& a, const dissect::End& b) {
    return a.mac == b.mac && a.ip == b.ip;
  };
  if (!same(packet.from, flow.info.end(side)) ||
      !same(packet.to, flow.info.end(dissect::other(side))))
    return FactFilter::of(packet.from, packet.to, packet.vlan);
  std::uint64_t& kept = flow.sightings[static_cast<std::size_t>(side)];
  if (kept == 0) kept = FactFilter::of(packet.from, packet.to, packet.vlan);
  return kept;
}

void Worker::seen(flow::Flow& flow, dissect::Side side, const packet::Packet& packet) {
  if (!settings_.facts) return;
  std::uint64_t repeats = 0;
  if (!facts_.passes(sighting(flow, side, packet), packet.time, repeats)) return;
  SightingRecord record;
  record.time = packet.time;
  record.from = packet.from;
  record.to = packet.to;
  record.vlan = packet.vlan;
  record.hops = packet.hops;
  record.transport = packet.transport;
  tell(flow.id, record);
}

void Worker::ended(const flow::Flow& flow) {
  tell_flow(flow, true);
}

void Worker::tell_flow(const flow::Flow& flow, bool over) {
  FlowRecord record;
  const flow::Reported& before = flow.reported;
  record.over = over;
  record.told_before = before.any;
  record.id = flow.id;
  record.first_packet = flow.first_packet;
  record.info = flow.info;
  record.vlan = flow.vlan;
  record.first = flow.first;
  record.last = flow.last;
  for (std::size_t side = 0; side < 2; ++side) {
    record.counts[side].packets = flow.counts[side].packets - before.counts[side].packets;
    record.counts[side].bytes = flow.counts[side].bytes - before.counts[side].bytes;
    record.counts[side].payload = flow.counts[side].payload - before.counts[side].payload;
    record.heard[side] = flow.counts[side].packets != 0;
  }
  record.messages = flow.messages - before.messages;
  record.issues = flow.issues - before.issues;
  record.gaps = flow.gaps - before.gaps;
  record.tcp_flags[0] = flow.tcp_flags[0];
  record.tcp_flags[1] = flow.tcp_flags[1];
  record.protocol = flow.protocol;
  record.expected = flow.expected;
  tell(flow.id, record);
}

}  // namespace sensor::engine
