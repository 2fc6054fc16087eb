#include "sensor/output.h"

#include <fmt/format.h>

#include "base/json.h"
#include "sensor/assets.h"
#include "sensor/formats/eve.h"
#include "sensor/formats/zeek.h"
#include "sensor/print.h"

namespace sensor {

namespace {

constexpr std::size_t kBuffer = 1U << 18U;

}  // namespace

engine::WorkerSettings worker_settings(What what) {
  engine::WorkerSettings settings;
  settings.all_transactions = what == What::Transactions;
  settings.fields = what == What::Fields;
  settings.facts = what == What::Evidence || what == What::Assets;
  return settings;
}

std::string health_json(const engine::Health& health) {
  std::string text;
  base::json::Writer json(text);
  json.begin_object();
  for (const auto& [name, value] : health)
    json.field(name, value);
  json.end_object();
  return text;
}

Output::Output(What what, Shape shape, std::FILE* out, const Stock& stock)
    : what_(what), shape_(shape), out_(out), stock_(stock) {
  if (shape_ == Shape::Zeek) {
    if (what == What::Transactions) text_ += formats::zeek_transaction_header();
    if (what == What::Issues) text_ += formats::zeek_issue_header();
    if (what == What::Flows) text_ += formats::zeek_flow_header();
  }
  if (shape_ != Shape::Table) return;
  if (what == What::Transactions) text_ += transaction_header();
  if (what == What::Evidence) text_ += evidence_header();
  if (what == What::Issues) text_ += issue_header();
  if (what == What::Flows) text_ += flow_header();
  if (what == What::Assets) text_ += asset_header();
}

template <class Content>
void Output::line(const Content& content) {
  if (shape_ == Shape::Table) {
    table_line(text_, content);
  } else {
    json_line(text_, content);
  }
}

// What has a flow's name in logs of others.
template <class Content>
void Output::line(const Content& content, std::uint64_t flow) {
  if (shape_ == Shape::Zeek) {
    formats::zeek_line(text_, content, flow);
  } else if (shape_ == Shape::Eve) {
    formats::eve_line(text_, content, flow);
  } else {
    line(content);
  }
}

void Output::take(const engine::Record& record) {
  if (const auto* one = std::get_if<engine::TransactionRecord>(&record.content)) {
    if (what_ == What::Transactions) line(*one, record.flow);
  } else if (const auto* fact = std::get_if<engine::EvidenceRecord>(&record.content)) {
    if (what_ == What::Evidence) line(*fact);
  } else if (const auto* issue = std::get_if<engine::IssueRecord>(&record.content)) {
    if (what_ == What::Issues) line(*issue, record.flow);
  } else if (const auto* flow = std::get_if<engine::FlowRecord>(&record.content)) {
    if (what_ == What::Flows) line(*flow, record.flow);
  } else if (const auto* message = std::get_if<engine::MessageRecord>(&record.content)) {
    text_ += message->line;
    text_ += '\n';
  }
  if (text_.size() >= kBuffer) flush();
}

void Output::end(const engine::Health& health) {
  if (what_ == What::Assets) {
    for (const inventory::Device& device : stock_.devices())
      line(device);
  }
  if (what_ != What::Health) return;
  if (shape_ != Shape::Table) {
    text_ += health_json(health) + '\n';
    return;
  }
  for (const auto& [name, value] : health)
    text_ += fmt::format("{:<24} {}\n", name, value);
}

bool Output::flush() {
  if (!text_.empty()) {
    good_ = good_ && std::fwrite(text_.data(), 1, text_.size(), out_) == text_.size();
    good_ = std::fflush(out_) == 0 && good_;
    text_.clear();
  }
  return good_;
}

}  // namespace sensor
