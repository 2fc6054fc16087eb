// Who may do what, sessions, tokens and the record of it all, over HTTPS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hub/api/server_testing.h"
#include "wire/sas.h"

namespace hub::api {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;

// --- who may do what ---

TEST_F(ServerTest, NothingWithoutCredentials) {
  start();
  for (const Route& route : routes()) {
    if (route.need == Need::Nothing) continue;
    std::string target = "/api/v1" + std::string(route.pattern);
    for (std::size_t at = 0; (at = target.find('{')) != std::string::npos;) {
      target.replace(at, target.find('}') - at + 1, "x");
    }
    const Reply reply = send(std::string(to_string(route.method)), target);
    EXPECT_EQ(reply.status, 401U) << target;
    EXPECT_EQ(reply.code(), "Unauthorized");
  }
  EXPECT_EQ(audit_->list(10, 0)->size(), 0U) << "nobody can fill the audit log from outside";
}

TEST_F(ServerTest, WrongCredentialsAreRefused) {
  start();
  for (const std::string& header :
       {std::string("Bearer vdt_0000"), std::string("Basic YTpi"), std::string("Bearer"),
        std::string("SharedAccessSignature sr=localhost&sig=AAAA&se=9999999999&skn=iothubowner"),
        std::string("SharedAccessSignature sr=localhost&sig=AAAA&se=9999999999&skn=nobody"),
        std::string("SharedAccessSignature junk")}) {
    EXPECT_EQ(get("/api/v1/status", {{"Authorization", header}}).status, 401U) << header;
  }
  const auto key = registry_->policy("iothubowner")->keys.primary;
  const auto expired = wire::make_sas("localhost", key, base::wall_now() - 1h, "iothubowner");
  EXPECT_EQ(get("/api/v1/status", {{"Authorization", *expired}}).status, 401U);
  const auto other_hub = wire::make_sas("example.org", key, base::wall_now() + 1h, "iothubowner");
  EXPECT_EQ(get("/api/v1/status", {{"Authorization", *other_hub}}).status, 401U);
  EXPECT_EQ(get("/api/v1/status", {{"Cookie", "__Host-sid=vds_0000"}}).status, 401U);
}

TEST_F(ServerTest, RolesAreEnforced) {
  start();
  add_alert("d1");
  const std::string alert = "/api/v1/alerts/" + only_alert();
  const auto status = [&](const std::string& method, const std::string& target,
                          const std::string& body,
                          const Headers& who) { return send(method, target, body, who).status; };
  const Headers reader = token(Role::Reader);
  const Headers analyst = token(Role::Analyst);
  const Headers admin = token(Role::Admin);
  EXPECT_EQ(status("GET", "/api/v1/alerts", "", reader), 200U);
  EXPECT_EQ(status("PATCH", alert, R"({"status":"closed"})", reader), 403U);
  EXPECT_EQ(status("PATCH", alert, R"({"status":"closed"})", analyst), 200U);
  EXPECT_EQ(status("PUT", "/api/v1/devices/d1", "", analyst), 403U);
  EXPECT_EQ(status("PUT", "/api/v1/devices/d1", "", admin), 201U);
  EXPECT_EQ(status("GET", "/api/v1/devices/d1?keys=true", "", analyst), 403U);
  EXPECT_EQ(status("GET", "/api/v1/devices/d1?keys=true", "", admin), 200U);
  EXPECT_EQ(status("GET", "/api/v1/tokens", "", analyst), 403U);
  EXPECT_EQ(status("GET", "/api/v1/audit", "", admin), 200U);
  // Shared access policies have rights of their own.
  EXPECT_EQ(status("GET", "/api/v1/devices", "", policy("registryRead")), 200U);
  EXPECT_EQ(status("PUT", "/api/v1/devices/d2", "", policy("registryRead")), 403U);
  EXPECT_EQ(status("PUT", "/api/v1/devices/d2", "", policy("registryReadWrite")), 201U);
  EXPECT_EQ(status("PATCH", alert, R"({"status":"active"})", policy("registryReadWrite")), 403U);
  EXPECT_EQ(status("PATCH", alert, R"({"status":"active"})", policy("service")), 200U);
  EXPECT_EQ(status("DELETE", "/api/v1/devices/d2", "", policy("service")), 403U);
  EXPECT_EQ(status("GET", "/api/v1/status", "", policy("device")), 403U);
  EXPECT_EQ(status("DELETE", "/api/v1/devices/d2", "", owner()), 204U);
  EXPECT_EQ(status("GET", "/api/v1/audit", "", owner()), 200U);
}

// --- sessions ---

TEST_F(ServerTest, SignsInAndOut) {
  start();
  const Reply reply = login("admin", kPassword);
  ASSERT_EQ(reply.status, 200U);
  EXPECT_EQ(find_cookie(reply.headers.at("set-cookie"), "__Host-sid")->substr(0, 4), "vds_");
  for (const char* attribute : {"; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"}) {
    EXPECT_THAT(reply.headers.at("set-cookie"), HasSubstr(attribute));
  }
  EXPECT_EQ(reply.headers.at("cache-control"), "no-store");
  const Headers who = browser("admin");
  EXPECT_EQ(get("/api/v1/session", who).status, 200U);
  const Reply out = send("DELETE", "/api/v1/session", "", who);
  EXPECT_EQ(out.status, 204U);
  EXPECT_THAT(out.headers.at("set-cookie"), HasSubstr("Max-Age=0"));
  EXPECT_EQ(get("/api/v1/session", who).status, 401U);
}

TEST_F(ServerTest, ALoginReplacesTheSessionOfTheBrowser) {
  start();
  const Headers first = browser("admin");
  EXPECT_EQ(login("admin", kPassword, first).status, 200U);
  EXPECT_EQ(get("/api/v1/session", first).status, 401U);
}

TEST_F(ServerTest, OneTimeTokensSignInOnce) {
  make_users();
  start();
  const auto issued = accounts_->issue_login_token("admin", base::wall_now());
  const std::string body = R"({"oneTimeToken":")" + issued->secret + R"("})";
  EXPECT_EQ(send("POST", "/api/v1/session", body).status, 200U);
  EXPECT_EQ(send("POST", "/api/v1/session", body).status, 401U);
}

TEST_F(ServerTest, RefusesBadLogins) {
  start();
  const auto status = [&](const std::string& body) {
    return send("POST", "/api/v1/session", body).status;
  };
  EXPECT_EQ(login("admin", "wrong").status, 401U);
  EXPECT_EQ(login("nobody", kPassword).status, 401U);
  EXPECT_EQ(login("admin", "wrong").body.find("wrong user name or password") != std::string::npos,
            true);
  EXPECT_EQ(status(R"({"username":"admin"})"), 400U);
  EXPECT_EQ(status(R"({"username":"admin","password":"x","oneTimeToken":"y"})"), 400U);
  EXPECT_EQ(status(R"({"username":1,"password":"x"})"), 400U);
  EXPECT_EQ(status(R"({"user":"admin","password":"x"})"), 400U);
  EXPECT_EQ(status("[]"), 400U);
  EXPECT_EQ(status("{"), 400U);
  EXPECT_EQ(send("POST", "/api/v1/session", "a=b", {{"Content-Type", "text/plain"}}).status, 415U);
  EXPECT_EQ(login("admin", kPassword, {{"Origin", "https://evil.example"}}).status, 403U);
}

TEST_F(ServerTest, TooManyFailuresMustWait) {
  start();
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(login("admin", "wrong").status, 401U);
  const Reply limited = login("admin", kPassword);
  EXPECT_EQ(limited.status, 429U);
  EXPECT_EQ(limited.headers.at("retry-after"), "1");
  EXPECT_EQ(login("ann", kPassword).status, 200U) << "others are not locked out";
}

TEST_F(ServerTest, SessionsChangeThingsOnlyFromThePortal) {
  start();
  Headers who = browser("admin");
  const auto put = [&](const Headers& headers) {
    return send("PUT", "/api/v1/devices/d1", "", headers).status;
  };
  const auto without = [&who](const std::string& name) {
    Headers fewer = who;
    std::erase_if(fewer, [&](const auto& header) { return header.first == name; });
    return fewer;
  };
  const auto with = [&who](const std::string& name, const std::string& value) {
    Headers more = who;
    std::erase_if(more, [&](const auto& header) { return header.first == name; });
    more.emplace_back(name, value);
    return more;
  };
  EXPECT_EQ(put(without("Origin")), 403U);
  EXPECT_EQ(put(without("X-Vedette-Csrf")), 403U);
  EXPECT_EQ(put(with("Origin", "https://evil.example")), 403U);
  EXPECT_EQ(put(with("Origin", "null")), 403U);
  EXPECT_EQ(put(with("X-Vedette-Csrf", "0")), 403U);
  EXPECT_EQ(put(with("Sec-Fetch-Site", "cross-site")), 403U);
  EXPECT_FALSE(registry_->get({"d1", ""})) << "none of these did it";
  EXPECT_EQ(put(with("Sec-Fetch-Site", "same-origin")), 201U);
  EXPECT_EQ(get("/api/v1/devices", without("Origin")).status, 200U) << "looking needs neither";
}

TEST_F(ServerTest, ChangesPasswords) {
  start();
  const Headers who = browser("ann");
  const Headers other = browser("ann");
  const auto change = [&](const std::string& body, const Headers& headers) {
    return send("PUT", "/api/v1/session/password", body, headers).status;
  };
  EXPECT_EQ(change(R"({"currentPassword":"wrong","newPassword":"a new one for ann"})", who), 403U);
  EXPECT_EQ(change(R"({"currentPassword":"correct horse battery","newPassword":"short"})", who),
            400U);
  EXPECT_EQ(change(R"({"newPassword":"a new one for ann"})", who), 400U);
  EXPECT_EQ(change(R"({"currentPassword":"a","newPassword":"b"})", owner()), 403U);
  EXPECT_EQ(
      change(R"({"currentPassword":"correct horse battery","newPassword":"a new one for ann"})",
             who),
      204U);
  EXPECT_EQ(get("/api/v1/session", who).status, 200U);
  EXPECT_EQ(get("/api/v1/session", other).status, 401U);
  EXPECT_EQ(login("ann", "a new one for ann").status, 200U);
}

// --- audit ---

TEST_F(ServerTest, RecordsWhoDidWhat) {
  start();
  login("admin", "wrong");
  const Headers who = browser("admin");
  send("PUT", "/api/v1/devices/d1", R"({"status":"disabled"})", who);
  send("PUT", "/api/v1/devices/d1", "", who);
  send("DELETE", "/api/v1/devices/d1", "", token(Role::Reader));
  get("/api/v1/devices", who);
  std::vector<std::string> lines;
  const auto log = audit_->list(20, 0);
  ASSERT_TRUE(log);
  for (const operations::AuditRecord& record : *log) {
    lines.push_back(record.actor + " " + record.method + " " + record.action + " " + record.target +
                    " " + record.result);
    EXPECT_EQ(record.remote, "127.0.0.1");
    EXPECT_EQ(record.status_code < 400, record.result == "ok") << record.status_code;
    EXPECT_FALSE(record.request_id.empty());
    EXPECT_THAT(record.detail, Not(HasSubstr(kPassword)));
  }
  EXPECT_THAT(lines, ::testing::ElementsAre("token:t token device.delete d1 Forbidden",
                                            "admin session device.put d1 Conflict",
                                            "admin session device.put d1 ok",
                                            "admin password session.create  ok",
                                            "admin password session.create  Unauthorized"));
  const Reply page = get("/api/v1/audit?limit=2", owner());
  EXPECT_EQ(page.json().find("items")->if_array()->size(), 2U);
  const std::string cursor(page.json().text_or("nextCursor", ""));
  EXPECT_EQ(get("/api/v1/audit?limit=1000&cursor=" + cursor, owner())
                .json()
                .find("items")
                ->if_array()
                ->size(),
            3U);
  EXPECT_EQ(get("/api/v1/audit?cursor=x", owner()).status, 400U);
}

// --- API tokens ---

TEST_F(ServerTest, TokenLife) {
  start();
  const Headers who = owner();
  const auto create = [&](const std::string& body) {
    return send("POST", "/api/v1/tokens", body, who);
  };
  const Reply made = create(R"({"name":"nightly","role":"reader","expiresInDays":1})");
  ASSERT_EQ(made.status, 201U);
  const std::string secret(made.json().text_or("token", ""));
  EXPECT_EQ(made.headers.at("cache-control"), "no-store");
  EXPECT_EQ(get("/api/v1/status", {{"Authorization", "Bearer " + secret}}).status, 200U);
  EXPECT_THAT(get("/api/v1/tokens", who).body, Not(HasSubstr(secret)));
  const std::string id(made.json().text_or("id", ""));
  EXPECT_EQ(send("DELETE", "/api/v1/tokens/" + id, "", who).status, 204U);
  EXPECT_EQ(send("DELETE", "/api/v1/tokens/" + id, "", who).status, 404U);
  EXPECT_EQ(get("/api/v1/status", {{"Authorization", "Bearer " + secret}}).status, 401U);
  EXPECT_EQ(create(R"({"name":"x","role":"king"})").status, 400U);
  EXPECT_EQ(create(R"({"role":"reader"})").status, 400U);
  EXPECT_EQ(create(R"({"name":"x","role":"reader","expiresInDays":0})").status, 400U);
}

}  // namespace
}  // namespace hub::api
