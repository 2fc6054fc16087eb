#include "agent/logins/login_event.h"

#include <fstream>

#include <gtest/gtest.h>

#include "agent/logins/cursors.h"
#include "agent/logins/journal.h"
#include "agent/logins/peer.h"
#include "os/scratch_testing.h"

namespace agent::logins {
namespace {

class Events : public ::testing::Test {
 protected:
  Events() {
    std::ofstream(path_) << "root:x:0:0::/root:/bin/sh\njoe:x:1001:1001::/:\nbad\n:x:7:7::\n";
  }
  schema::Login item(const Verdict& verdict) {
    const auto event = make_event(verdict, accounts_);
    return std::get<std::vector<schema::Login>>(event.payload).at(0);
  }
  static std::string detail(const schema::Login& item, std::string_view name) {
    for (const auto& [key, value] : item.extra_details) {
      if (key == name) return value;
    }
    return "(absent)";
  }

  os::ScratchDir dir_;
  std::string path_ = dir_ / "passwd";
  Accounts accounts_{path_};
};

TEST_F(Events, ALoginTellsWhoFromWhere) {
  Verdict verdict{Outcome::Success, {}, {Kind::AuditAuth, Kind::LogProgram}, 1, std::nullopt};
  verdict.facts.pid = 7;
  verdict.facts.service = "sshd";
  verdict.facts.executable = "/usr/sbin/sshd";
  verdict.facts.account = "joe";
  verdict.facts.address = "192.0.2.7";
  verdict.facts.port = "5555";
  verdict.facts.local_port = "22";
  verdict.facts.reason = "nothing";
  const auto login = item(verdict);
  EXPECT_EQ(login.process_id, 7);
  EXPECT_EQ(login.user_name, "joe");
  EXPECT_EQ(login.user_id, "1001");
  EXPECT_EQ(login.remote_address, "192.0.2.7");
  EXPECT_EQ(login.remote_port, "5555");
  EXPECT_EQ(login.local_port, "22");
  EXPECT_EQ(login.result, schema::LoginResult::Success);
  EXPECT_EQ(detail(login, "Action"), "Login");
  EXPECT_EQ(detail(login, "Sources"), "audit,log");
  EXPECT_EQ(detail(login, "Reason"), "(absent)");
}

TEST_F(Events, OfSudoTheCallerStands) {
  Verdict verdict{Outcome::Fail, {}, {Kind::AuditCommand}, 3, std::nullopt};
  verdict.facts.service = "sudo";
  verdict.facts.by_uid = 1001;
  verdict.facts.target = "root";
  const auto login = item(verdict);
  EXPECT_EQ(login.user_name, "joe");
  EXPECT_EQ(detail(login, "ByUserName"), "joe");
  EXPECT_EQ(detail(login, "TargetUserName"), "root");
  EXPECT_EQ(detail(login, "Tries"), "3");
  EXPECT_EQ(login.executable, "sudo");
}

TEST_F(Events, SomethingStandsForAnUnknownAccount) {
  const auto login = item({Outcome::Fail, {}, {Kind::Utmp}, 1, std::nullopt});
  EXPECT_EQ(login.user_name, "(unknown)");
  EXPECT_FALSE(login.executable.empty());
  EXPECT_FALSE(login.operation.empty());
}

TEST_F(Events, ALogoutTellsHowLong) {
  Verdict verdict{Outcome::Logout, {}, {Kind::LogPam}, 1, std::nullopt};
  verdict.facts.account = "joe";
  verdict.facts.time = base::parse_rfc3339("2026-11-22T21:01:30Z")->utc;
  verdict.since = base::parse_rfc3339("2026-11-22T21:00:00Z")->utc;
  const auto login = item(verdict);
  EXPECT_EQ(login.result, schema::LoginResult::Success);
  EXPECT_EQ(detail(login, "Action"), "Logout");
  EXPECT_EQ(detail(login, "DurationSeconds"), "90");
  EXPECT_EQ(detail(login, "LoggedInAtUtc"), "2026-11-22T21:00:00.000Z");
  // The clock was set back meanwhile.
  verdict.since = base::parse_rfc3339("2026-11-22T22:00:00Z")->utc;
  EXPECT_EQ(detail(item(verdict), "DurationSeconds"), "0");
}

TEST_F(Events, TheSameRecordHasTheSameId) {
  Verdict verdict{Outcome::Fail, {}, {Kind::LogProgram}, 1, std::nullopt};
  verdict.facts.origin = "log:/var/log/auth.log:1:2:3:line";
  EXPECT_EQ(make_event(verdict, accounts_).id, make_event(verdict, accounts_).id);
  const auto id = make_event(verdict, accounts_).id;
  verdict.facts.origin += "#1";
  EXPECT_NE(make_event(verdict, accounts_).id, id);
  verdict.facts.origin.clear();
  EXPECT_NE(make_event(verdict, accounts_).id, make_event(verdict, accounts_).id);
}

TEST_F(Events, AccountsAreReadAgainWhenTheyChange) {
  EXPECT_EQ(accounts_.uid("amy"), std::nullopt);
  EXPECT_EQ(accounts_.name(0), "root");
  os::ScratchDir other;
  std::ofstream(other / "passwd") << "amy:x:1002:1002::/:\n";
  ASSERT_EQ(std::rename((other / "passwd").c_str(), path_.c_str()), 0);
  EXPECT_EQ(accounts_.uid("amy"), 1002U);
  EXPECT_EQ(accounts_.uid("joe"), std::nullopt);
}

TEST(CursorFile, IsReadAsItWasWritten) {
  Cursors cursors;
  cursors.journal = "s=ab;i=1";
  cursors.files["/var/log/auth.log"] = {66306, 0xFFFFFFFFFFFFFFFF, 12345};
  const auto read = read_cursors(write_cursors(cursors));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, cursors);
  for (const char* bad :
       {"", "{}", "[]", "{\"files\":{\"a\":{}}}",
        "{\"files\":{\"a\":{\"device\":\"x\",\"inode\":\"1\",\"offset\":\"1\"}}}"}) {
    EXPECT_FALSE(read_cursors(bad)) << bad;
  }
}

TEST(JournalEntries, AreBelievedFromTheProgramItself) {
  JournalEntry entry;
  entry.identifier = "sshd";
  entry.message = "Accepted password for joe from 192.0.2.7 port 35924 ssh2";
  entry.executable = "/usr/sbin/sshd";
  entry.pid = 5;
  ASSERT_TRUE(read_journal(entry));
  EXPECT_EQ(read_journal(entry)->pid, 5U);
  for (const char* sender :
       {"/usr/bin/logger", "/home/joe/sshd", "/tmp/sshd", "/usr/bin/python3"}) {
    entry.executable = sender;
    EXPECT_FALSE(read_journal(entry)) << sender;
  }
  entry.executable = "/usr/lib/openssh/sshd-session";
  EXPECT_TRUE(read_journal(entry));
  // It was gone before journald looked.
  entry.executable = "";
  EXPECT_FALSE(read_journal(entry));
  entry.uid = 1001;
  EXPECT_FALSE(read_journal(entry));
  entry.uid = 0;
  EXPECT_TRUE(read_journal(entry));
  entry.message =
      "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=::1 "
      " user=joe";
  entry.executable = "/usr/bin/logger";
  EXPECT_FALSE(read_journal(entry));
}

TEST(FindConnection, ReadsBothFamilies) {
  const std::string_view four =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:5616 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "11 1\n"
      "   1: 0100007F:5616 070200C0:8C54 01 00000000:00000000 00:00000000 00000000     0        0 "
      "12 1\n";
  EXPECT_FALSE(find_connection(four, {11}));  // listens
  EXPECT_FALSE(find_connection(four, {13}));
  const auto found = find_connection(four, {11, 12});
  ASSERT_TRUE(found);
  EXPECT_EQ(found->local_address, "127.0.0.1");
  EXPECT_EQ(found->local_port, "22038");
  EXPECT_EQ(found->remote_address, "192.0.2.7");
  EXPECT_EQ(found->remote_port, "35924");
  const std::string_view six =
      "   1: 00000000000000000000000001000000:0016 0000000000000000FFFF0000070200C0:8C54 01 0:0 "
      "00:0 0 0 0 12 1\n";
  const auto mapped = find_connection(six, {12});
  ASSERT_TRUE(mapped);
  EXPECT_EQ(mapped->local_address, "::1");
  EXPECT_EQ(mapped->remote_address, "192.0.2.7");
  for (const char* bad :
       {"", "x", "1: 2: 3 01 5 6 7 8 9 12\n", "1: 0100007F:0016 zz00007F:0016 01 0 0 0 0 0 12\n"}) {
    EXPECT_FALSE(find_connection(bad, {12})) << bad;
  }
}

TEST(SetRemote, TakesAddressesAndNames) {
  const auto remote = [](std::string_view text) {
    Observation one;
    set_remote(one, text);
    return one.address + "|" + one.zone + "|" + one.host;
  };
  EXPECT_EQ(remote("192.0.2.7"), "192.0.2.7||");
  EXPECT_EQ(remote("::ffff:192.0.2.7"), "192.0.2.7||");
  EXPECT_EQ(remote("fe80::1%eth0"), "fe80::1|eth0|");
  EXPECT_EQ(remote("pump.example"), "||pump.example");
  EXPECT_EQ(remote("?"), "||");
  EXPECT_EQ(remote("UNKNOWN"), "||");
  EXPECT_EQ(remote("300.1.1.1"), "||300.1.1.1");
}

}  // namespace
}  // namespace agent::logins
