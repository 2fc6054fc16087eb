#include "agent/logins/message.h"

#include <gtest/gtest.h>

namespace agent::logins {
namespace {

// outcome service account address port tty by>target method
std::string read(std::string_view program, std::string_view message) {
  const auto observation = read_message(program, message);
  if (!observation) return "-";
  const Observation& o = *observation;
  const char* const outcomes[] = {"success", "fail", "logout", "hint", "ended"};
  std::string out = outcomes[static_cast<int>(o.outcome)];
  for (const auto& [name, value] :
       {std::pair("", o.service), std::pair("account=", o.account),
        std::pair("address=", o.address), std::pair("host=", o.host), std::pair("port=", o.port),
        std::pair("tty=", o.tty), std::pair("by=", o.by), std::pair("target=", o.target),
        std::pair("method=", o.method), std::pair("reason=", o.reason)}) {
    if (!value.empty()) out += " " + std::string(name) + value;
  }
  if (o.uid) out += " uid=" + std::to_string(*o.uid);
  if (o.by_uid) out += " by_uid=" + std::to_string(*o.by_uid);
  if (o.count != 1) out += " count=" + std::to_string(o.count);
  if (o.invalid_user) out += " invalid";
  return out;
}

struct Case {
  const char* program;
  const char* message;
  const char* expected;
};

class Messages : public ::testing::TestWithParam<Case> {};

TEST_P(Messages, AreUnderstood) {
  EXPECT_EQ(read(GetParam().program, GetParam().message), GetParam().expected)
      << GetParam().message;
}

constexpr Case kSsh[] = {
    {"sshd", "Accepted password for joe from 192.0.2.7 port 35924 ssh2",
     "success sshd account=joe address=192.0.2.7 port=35924 method=password"},
    {"sshd-session", "Accepted publickey for joe from 2001:db8::7 port 22 ssh2: ED25519 SHA256:0Qf",
     "success sshd account=joe address=2001:db8::7 port=22 method=publickey"},
    {"sshd", "Accepted keyboard-interactive/pam for root from fe80::1%eth0 port 5 ssh2",
     "success sshd account=root address=fe80::1 port=5 method=keyboard-interactive/pam"},
    {"sshd", "Failed password for invalid user nosuch from 192.0.2.7 port 4 ssh2",
     "fail sshd account=nosuch address=192.0.2.7 port=4 method=password invalid"},
    {"sshd", "Failed none for joe from 192.0.2.7 port 4 ssh2",
     "hint sshd account=joe address=192.0.2.7 port=4 method=none"},
    {"sshd", "Failed publickey for joe from 192.0.2.7 port 4 ssh2: RSA SHA256:abc",
     "hint sshd account=joe address=192.0.2.7 port=4 method=publickey"},
    // The name is the attacker's; the place is not.
    {"sshd",
     "Failed password for invalid user root from 9.9.9.9 port 1 ssh2 from 192.0.2.7 port 4 ssh2",
     "fail sshd account=root from 9.9.9.9 port 1 ssh2 address=192.0.2.7 port=4 method=password "
     "invalid"},
    {"sshd", "Failed password for  from 192.0.2.7 port 4 ssh2",
     "fail sshd address=192.0.2.7 port=4 method=password"},
    {"sshd", "Invalid user a b from 192.0.2.7 port 4",
     "hint sshd account=a b address=192.0.2.7 port=4 invalid"},
    {"sshd", "Invalid user  from 192.0.2.7 port 4", "hint sshd address=192.0.2.7 port=4 invalid"},
    {"sshd", "Connection closed by authenticating user joe 192.0.2.7 port 4 [preauth]",
     "ended sshd account=joe address=192.0.2.7 port=4 reason=connection closed"},
    {"sshd", "Connection reset by invalid user x y 2001:db8::7 port 4 [preauth]",
     "ended sshd account=x y address=2001:db8::7 port=4 reason=connection closed invalid"},
    {"sshd", "Disconnected from authenticating user joe 192.0.2.7 port 4 [preauth]",
     "ended sshd account=joe address=192.0.2.7 port=4 reason=connection closed"},
    {"sshd",
     "Disconnecting authenticating user joe 192.0.2.7 port 4: Too many authentication failures "
     "[preauth]",
     "ended sshd account=joe address=192.0.2.7 port=4 reason=Too many authentication failures"},
    {"sshd",
     "error: maximum authentication attempts exceeded for root from 192.0.2.7 port 4 ssh2 "
     "[preauth]",
     "hint sshd account=root address=192.0.2.7 port=4 reason=too many authentication failures"},
    {"sshd", "error: PAM: Authentication failure for illegal user joe from 192.0.2.7",
     "fail sshd account=joe address=192.0.2.7 method=keyboard-interactive/pam "
     "reason=Authentication failure invalid"},
    {"sshd", "User joe from 192.0.2.7 not allowed because not listed in AllowUsers",
     "hint sshd account=joe address=192.0.2.7 reason=not listed in AllowUsers"},
    {"sshd", "fatal: Access denied for user joe by PAM account configuration [preauth]",
     "fail sshd account=joe reason=account refused"},
    {"sshd", "Disconnected from user joe ::1 port 33432",
     "logout sshd account=joe address=::1 port=33432"},
    // Who only looks whether there is an sshd is no login.
    {"sshd", "Connection closed by 192.0.2.7 port 4 [preauth]", "-"},
    {"sshd", "Received disconnect from ::1 port 33432:11: disconnected by user", "-"},
    {"sshd", "Server listening on 0.0.0.0 port 22.", "-"},
    {"sshd", "Accepted", "-"},
    {"sshd", "Failed password for joe", "-"},
    {"sshd",
     "pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= "
     "rhost=127.0.0.1  user=joe",
     "fail sshd account=joe address=127.0.0.1 method=password by_uid=0"},
    {"sshd", "pam_unix(sshd:auth): check pass; user unknown", "-"},
    {"sshd", "pam_unix(sshd:session): session opened for user joe(uid=1001) by (uid=0)",
     "success sshd account=joe uid=1001 by_uid=0"},
    {"sshd", "pam_unix(sshd:session): session opened for user joe by (uid=0)",
     "success sshd account=joe by_uid=0"},
    {"sshd", "pam_unix(sshd:session): session closed for user joe", "logout sshd account=joe"},
    {"dropbear", "Password auth succeeded for 'root' from 192.0.2.7:5555",
     "success dropbear account=root address=192.0.2.7 port=5555 method=password"},
    {"dropbear",
     "Pubkey auth succeeded for 'root' with ssh-ed25519 key SHA256:x from 2001:db8::7:5555",
     "success dropbear account=root address=2001:db8::7 port=5555 method=publickey"},
    {"dropbear", "Bad password attempt for 'joe' from 192.0.2.7:5555",
     "fail dropbear account=joe address=192.0.2.7 port=5555 method=password"},
    {"dropbear", "Login attempt for nonexistent user from 192.0.2.7:5555",
     "fail dropbear address=192.0.2.7 port=5555 invalid"},
    {"dropbear", "Exit (root) from <192.0.2.7:5555>: Disconnect received",
     "logout dropbear account=root address=192.0.2.7 port=5555"},
};
INSTANTIATE_TEST_SUITE_P(Ssh, Messages, ::testing::ValuesIn(kSsh));

constexpr Case kLocal[] = {
    {"su", "FAILED SU (to amy) joe on pts/6", "fail su account=amy tty=pts/6 by=joe"},
    {"su", "(to amy) joe on pts/7", "success su account=amy tty=pts/7 by=joe"},
    {"su", "Successful su for amy by joe", "success su account=amy by=joe"},
    {"su", "FAILED su for amy by joe", "fail su account=amy by=joe"},
    {"su", "+ /dev/pts/0 joe:amy", "success su account=amy tty=pts/0 by=joe"},
    {"su", "- /dev/pts/0 joe:amy", "fail su account=amy tty=pts/0 by=joe"},
    {"su",
     "pam_unix(su:auth): authentication failure; logname= uid=1001 euid=0 tty=/dev/pts/6 ruser=joe "
     "rhost=  user=amy",
     "fail su account=amy tty=pts/6 by=joe method=password by_uid=1001"},
    {"su", "pam_unix(su-l:session): session opened for user amy(uid=1002) by joe(uid=1001)",
     "success su account=amy by=joe uid=1002 by_uid=1001"},
    {"sudo", "     joe : TTY=pts/10 ; PWD=/home/joe ; USER=root ; COMMAND=/usr/bin/true ; USER=x",
     "success sudo account=joe tty=pts/10 by=joe target=root"},
    {"sudo",
     "     joe : 3 incorrect password attempts ; TTY=pts/9 ; PWD=/ ; USER=root ; COMMAND=/bin/true",
     "fail sudo account=joe tty=pts/9 by=joe target=root method=password "
     "reason=3 incorrect password attempts count=3"},
    {"sudo",
     "joe : 1 incorrect password attempt ; TTY=pts/9 ; PWD=/ ; USER=root ; COMMAND=/bin/true",
     "fail sudo account=joe tty=pts/9 by=joe target=root method=password "
     "reason=1 incorrect password attempt"},
    {"sudo", "     amy : user NOT in sudoers ; TTY=pts/11 ; PWD=/ ; USER=root ; COMMAND=/bin/true",
     "fail sudo account=amy tty=pts/11 by=amy target=root reason=user NOT in sudoers"},
    {"sudo", "amy : command not allowed ; TTY=unknown ; PWD=/ ; USER=root ; COMMAND=/bin/sh",
     "fail sudo account=amy by=amy target=root reason=command not allowed"},
    {"sudo", "pam_unix(sudo:session): session opened for user root(uid=0) by (uid=1001)",
     "success sudo target=root by_uid=1001"},
    {"sudo", "pam_unix(sudo:session): session closed for user root", "logout sudo target=root"},
    {"sudo", "joe : unable to resolve host x", "-"},
    {"login", "FAILED LOGIN (1) on '/dev/pts/12' FOR 'joe', Authentication failure",
     "fail login account=joe tty=pts/12 method=password reason=Authentication failure"},
    {"login", "FAILED LOGIN 1 FROM tty1 FOR joe, Authentication failure",
     "fail login account=joe tty=tty1 method=password reason=Authentication failure"},
    {"login", "FAILED LOGIN 2 FROM 192.0.2.7 FOR joe, Authentication failure",
     "fail login account=joe address=192.0.2.7 method=password reason=Authentication failure"},
    {"login", "FAILED LOGIN SESSION FROM tty1 FOR joe, Authentication failure", "-"},
    {"login", "LOGIN ON tty1 BY joe", "success login account=joe tty=tty1"},
    {"login", "LOGIN ON pts/1 BY joe FROM 192.0.2.7",
     "success login account=joe address=192.0.2.7 tty=pts/1"},
    {"login", "ROOT LOGIN ON tty1", "success login account=root tty=tty1"},
    {"login", "ROOT LOGIN  on '/dev/tty1'", "success login account=root tty=tty1"},
    {"login", "root login on 'ttyS0'", "success login account=root tty=ttyS0"},
    {"login", "invalid password for 'joe' on 'ttyS0'",
     "fail login account=joe tty=ttyS0 method=password"},
    {"login", "invalid password for 'UNKNOWN' on 'ttyS0'", "fail login tty=ttyS0 method=password"},
    {"gdm-password]",
     "pam_unix(gdm-password:auth): authentication failure; logname= uid=0 euid=0 tty=/dev/tty1 "
     "ruser= rhost=  user=joe",
     "fail gdm-password account=joe tty=tty1 method=password by_uid=0"},
    // What the machine does by itself is nobody's login.
    {"CRON", "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)", "-"},
    {"systemd", "pam_unix(systemd-user:session): session opened for user joe(uid=1001) by (uid=0)",
     "-"},
    {"su", "pam_limits(su:session): Could not set limit", "-"},
    {"kernel", "Accepted password for joe from 192.0.2.7 port 35924 ssh2", "-"},
    {"", "", "-"},
};
INSTANTIATE_TEST_SUITE_P(Local, Messages, ::testing::ValuesIn(kLocal));

}  // namespace
}  // namespace agent::logins
