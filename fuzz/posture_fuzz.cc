// What devices and their twins say about themselves, judged: a name on the first line, JSON behind
// it; and every line as an address, a list of ports, and a rule of a firewall.
#include "base/bytes.h"
#include "base/result.h"
#include "base/text.h"
#include "detect/posture/device_checks.h"
#include "detect/posture/hub_checks.h"
#include "detect/posture/judge.h"
#include "detect/posture/ranges.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace detect::posture;
  const std::string_view text = base::as_text({data, size});
  const auto end = text.find('\n');
  if (end != std::string_view::npos) {
    if (const auto json = base::json::parse(text.substr(end + 1))) {
      (void)judge_facts(text.substr(0, end), *json);
      (void)judge_edge_privileges(read_deployment(*json).modules);
    }
  }
  std::vector<schema::FirewallConfiguration> rules;
  for (const std::string_view line : base::split(text, '\n')) {
    const auto prefix = parse_prefix(line);
    ASSERT(!prefix || parse_prefix(prefix->to_string()) == prefix);
    const auto ports = count_ports(line);
    ASSERT(!ports || *ports <= 65'536);
    (void)is_wide_address(line);
    (void)judge_tls(line, line);
    schema::FirewallConfiguration rule;
    rule.enabled = true;
    rule.chain_name = line.substr(0, line.find(' '));
    rule.direction = schema::Direction::In;
    rule.action = static_cast<schema::FirewallAction>(line.size() % 3);
    rule.source_address = rule.destination_port = std::string(line);
    schema::set(rule.extra_details, "Verdict", std::string(line));
    schema::set(rule.extra_details, "Rule", std::string(line));
    if (rules.size() < 64) rules.push_back(std::move(rule));
  }
  for (const Verdict& verdict : judge_firewall(rules))
    ASSERT(verdict.healthy() == (verdict.credit == 1));
  return 0;
}
