// The account files of /etc, and sudoers that includes itself.
#include "agent/snapshot/users/accounts.h"
#include "agent/snapshot/users/sudoers.h"
#include "base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace agent::snapshot::users;
  const std::string text(base::as_text({data, size}));
  const auto accounts = read_passwd(text);
  const auto groups = read_group(text);
  (void)read_shadow(text);
  (void)read_gshadow(text);
  (void)other_services(text, "passwd");
  (void)count_keys(text);
  const SudoersFiles files{
      [&](const std::string&) { return base::Result<std::string>(text); },
      [](const std::string&) { return base::Result<std::vector<std::string>>({"a"}); }, "host"};
  const Sudoers sudoers = read_sudoers("/etc/sudoers", files);
  Account account;
  account.name = "alice";
  if (!accounts.entries.empty()) account = accounts.entries.front();
  std::vector<const Group*> member_of;
  for (const Group& group : groups.entries)
    member_of.push_back(&group);
  (void)grant_of(sudoers, account, member_of);
  return 0;
}
