// What the baseline reads of a system: the first byte picks a reader for the rest.
#include "agent/baseline/account_files.h"
#include "agent/baseline/distro.h"
#include "agent/baseline/docker.h"
#include "agent/baseline/facts.h"
#include "agent/baseline/lines.h"
#include "agent/baseline/packet_filter.h"
#include "agent/baseline/pattern.h"
#include "base/bytes.h"

using namespace agent::baseline;

namespace {

// Every file has the same text: includes lead back to it, and must end all the same.
void read_with_includes(const std::string& text, unsigned which) {
  const auto read = [&](const std::string&) -> base::Result<std::string> { return text; };
  const auto names = [](const std::string& path) -> base::Result<std::vector<std::string>> {
    return std::vector<std::string>{path + "1"};
  };
  if (which == 0) static_cast<void>(read_pam_stack("x", read));
  if (which == 1) static_cast<void>(read_sudoers("/etc/sudoers", read, names));
  if (which == 2) {
    const auto config = SshdConfig::read("/x", {.read = read, .expand = names});
    if (config) static_cast<void>(config->effective_lines());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::ByteView bytes(data + 1, size - 1);
  const std::string text(base::as_text(bytes));
  std::map<std::string, SysctlSetting> settings;
  switch (data[0] % 12) {
    case 0:
    case 1:
    case 2:
      read_with_includes(text, data[0] % 12);
      break;
    case 3:
      static_cast<void>(read_passwd(text));
      break;
    case 4:
      static_cast<void>(read_shadow(text)), static_cast<void>(read_group(text));
      break;
    case 5:
      static_cast<void>(read_mountinfo(text)), static_cast<void>(read_fstab(text));
      break;
    case 6:
      read_sysctl_conf(text, "f", settings);
      break;
    case 7:
      static_cast<void>(read_listeners(text, "tcp"));
      break;
    case 8:
      static_cast<void>(docker::render(text, base::json::Value{}));
      break;
    case 9:
      static_cast<void>(read_nft_chain(bytes));
      static_cast<void>(nft_rule_guards_loopback(bytes));
      break;
    case 10:
      static_cast<void>(read_legacy_chain(bytes, 0, 400, IpFamily::V4));
      break;
    default:
      static_cast<void>(distro_matches(text, Distro{.name = "debian", .version = {12}}));
      static_cast<void>(alternatives_of(text));
      static_cast<void>(glob_matches(text.substr(0, text.size() / 2), text));
  }
  return 0;
}
