#include "agent/baseline/catalogue.h"

#include <array>

#include "agent/baseline/lines.h"
#include "base/text.h"

namespace agent::baseline {

namespace {

schema::BaselineSeverity severity_of(std::string_view name) {
  if (name == "Critical") return schema::BaselineSeverity::Critical;
  if (name == "Important") return schema::BaselineSeverity::Important;
  if (name == "Informational") return schema::BaselineSeverity::Informational;
  return schema::BaselineSeverity::Warning;
}

}  // namespace

void each_check(std::string_view packed, const std::function<void(const Check&)>& on_check) {
  each_line(packed, [&](std::string_view line, int) {
    // The order is generate.py's.
    constexpr std::size_t kFixed = 12;
    const auto fields = base::split(line, '\t');
    ASSERT(fields.size() >= kFixed);
    Check check{.id = fields[0],
                .group = fields[1],
                .severity = severity_of(fields[2]),
                .cce = fields[4],
                .cce_rhel = fields[5],
                .cis = fields[6],
                .distro = fields[8],
                .verb = fields[9],
                .title = fields[10],
                .remedy = fields[11],
                .parameters = {}};
    for (std::size_t i = kFixed; i < fields.size(); ++i) {
      const std::size_t equals = fields[i].find('=');
      ASSERT(equals != std::string_view::npos);
      check.parameters.add(fields[i].substr(0, equals), fields[i].substr(equals + 1));
    }
    on_check(check);
  });
}

}  // namespace agent::baseline
