#include "detect/kept_evidence.h"

#include "base/json.h"
#include "detect/evidence_text.h"

namespace detect {

std::size_t KeptEvidence::bytes() const {
  std::size_t bytes = sizeof *this + evidence_.details_json.size() + device_id_.size();
  for (const Match& match : evidence_.matched)
    bytes += sizeof match + match.value.size() + match.pattern.size() + match.found.size();
  return bytes;
}

std::string KeptEvidence::to_text() const {
  std::string text;
  base::json::Writer writer(text);
  writer.begin_object();
  writer.field("device", device_id_);
  writer.field("module", module_id_);
  writer.key("evidence");
  write_evidence(writer, evidence_);
  writer.end_object();
  return text;
}

std::shared_ptr<const KeptEvidence> KeptEvidence::parse(std::string_view text) {
  const auto value = base::json::parse(text);
  const auto* kept = value ? value->find("evidence") : nullptr;
  if (kept == nullptr) return nullptr;
  auto evidence = read_evidence(*kept);
  if (!evidence) return nullptr;
  return std::make_shared<const KeptEvidence>(
      std::move(*evidence),
      Origin{value->text_or("device", ""), value->text_or("module", ""), {}, 0});
}

}  // namespace detect
