#include "detect/trial/report.h"

#include "base/json.h"

namespace detect::trial {

using base::json::Writer;

namespace {

void write_texts(Writer& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts)
    writer.value(text);
  writer.end_array();
}

void write_evidence(Writer& writer, const Evidence& evidence) {
  writer.begin_object();
  writer.field("name", evidence.event_name);
  writer.field("time", base::format_rfc3339(evidence.time));
  writer.key("details");
  if (evidence.details_json.empty()) {
    writer.null();
  } else {
    writer.raw(evidence.details_json);
  }
  writer.key("matched");
  writer.begin_array();
  for (const Match& match : evidence.matched) {
    writer.begin_object();
    writer.field("field", match.field);
    writer.field("value", match.value);
    writer.field("pattern", match.pattern);
    writer.field("found", match.found);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
}

}  // namespace

std::string finding_line(const Raised& raised) {
  const Finding& finding = raised.finding;
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("alert", finding.rule.title);
  write_texts(writer, "aliases", finding.rule.aliases);
  writer.field("kind", to_string(raised.kind));
  writer.field("rule", finding.rule.id);
  writer.field("severity", to_string(finding.rule.severity));
  writer.field("deviceId", finding.device_id);
  writer.field("moduleId", finding.module_id);
  writer.field("entity", finding.entity);
  writer.field("time", base::format_rfc3339(finding.evidence.time));
  writer.field("why", finding.why);
  writer.field("hits", finding.hits);
  write_texts(writer, "techniques", finding.rule.techniques);
  writer.key("evidence");
  write_evidence(writer, finding.evidence);
  writer.key("related");
  writer.begin_array();
  for (const Evidence& evidence : finding.related)
    write_evidence(writer, evidence);
  writer.end_array();
  writer.end_object();
  return out;
}

std::string case_line(const Case& one, const Verdict& verdict) {
  std::string out;
  Writer writer(out);
  writer.begin_object();
  writer.field("id", one.id);
  writer.field("alert", one.alert);
  writer.key("expected");
  if (one.positive.value_or(false)) {
    writer.value(one.alert);
  } else {
    writer.null();
  }
  write_texts(writer, "raised", verdict.raised);
  writer.field("right", verdict.right);
  if (!verdict.problem.empty()) writer.field("problem", verdict.problem);
  writer.end_object();
  return out;
}

void Totals::add(const Case& one, const Verdict& verdict) {
  for (Count* count :
       {&all_, one.positive.value_or(false) ? &positive_ : &negative_, &by_kind_[one.kind]}) {
    ++count->cases;
    if (verdict.right) ++count->right;
  }
  if (!verdict.right) wrong_.push_back(one.id);
}

std::string Totals::line() const {
  std::string out;
  Writer writer(out);
  const auto write = [&writer](const Count& count) {
    writer.field("cases", static_cast<std::uint64_t>(count.cases));
    writer.field("right", static_cast<std::uint64_t>(count.right));
  };
  const auto write_object = [&](std::string_view name, const Count& count) {
    writer.key(name);
    writer.begin_object();
    write(count);
    writer.end_object();
  };
  writer.begin_object();
  writer.key("totals");
  writer.begin_object();
  write(all_);
  writer.field("share", all_.cases == 0
                            ? 0.0
                            : static_cast<double>(all_.right) / static_cast<double>(all_.cases));
  write_object("positive", positive_);
  write_object("negative", negative_);
  writer.key("kinds");
  writer.begin_object();
  for (const auto& [kind, count] : by_kind_)
    write_object(kind, count);
  writer.end_object();
  write_texts(writer, "wrong", wrong_);
  writer.end_object();
  writer.end_object();
  return out;
}

}  // namespace detect::trial
