#include "detect/evidence_text.h"

#include "detect/alert_text.h"

namespace detect {

void write_evidence(base::json::Writer& writer, const Evidence& evidence) {
  writer.begin_object();
  writer.field("id", evidence.event_id.to_string());
  writer.field("item", evidence.item);
  writer.field("time", std::int64_t{evidence.time.time_since_epoch().count()});
  writer.field("name", evidence.event_name);
  writer.field("details", evidence.details_json);
  writer.field("matched", matched_json(evidence.matched));
  writer.end_object();
}

std::string evidence_text(const Evidence& evidence) {
  std::string text;
  base::json::Writer writer(text);
  write_evidence(writer, evidence);
  return text;
}

base::Result<Evidence> read_evidence(const base::json::Value& value) {
  Evidence out;
  const auto* item = value.find("item");
  const auto* time = value.find("time");
  if (item == nullptr || item->if_int() == nullptr || *item->if_int() < 0 || time == nullptr ||
      time->if_int() == nullptr)
    return base::fail(base::Code::Malformed, "evidence");
  out.event_id = TRY(base::Guid::parse(value.text_or("id", "")));
  out.item = static_cast<std::uint32_t>(*item->if_int());
  out.time = base::WallTime(std::chrono::nanoseconds(*time->if_int()));
  out.event_name = value.text_or("name", "");
  out.details_json = value.text_or("details", "{}");
  out.matched = TRY(parse_matched_json(value.text_or("matched", "[]")));
  return out;
}

base::Result<Evidence> parse_evidence(std::string_view text) {
  const auto value = TRY(base::json::parse(text));
  return read_evidence(value);
}

}  // namespace detect
