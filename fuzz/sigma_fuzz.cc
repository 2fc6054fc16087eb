// Sigma rules: no text may break the parser, and what it takes can be compiled and matched.
#include "base/bytes.h"
#include "sigma/rule_set.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sigma::ParsedRules parsed = sigma::parse(base::as_text({data, size}));
  sigma::RuleSet rules;
  for (sigma::Rule& rule : parsed.rules)
    static_cast<void>(rules.add(std::move(rule)));
  rules.build();
  schema::Event event;
  event.payload = schema::payload_of(schema::ProcessCreate{
      .executable = "/usr/bin/a", .user_name = "root", .command_line = "a -x foo bar 10.1.2.3"});
  sigma::RuleSet::Scratch scratch;
  std::vector<sigma::Hit> hits;
  rules.match(event, 0, scratch, hits);
  return 0;
}
