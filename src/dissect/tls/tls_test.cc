#include "dissect/tls/tls.h"

#include <string>

#include <gtest/gtest.h>

#include "dissect/testing.h"
#include "dissect/tls/certificate.h"

namespace dissect::tls {
namespace {

using testing::bytes_of;
using testing::Conversation;

// Three suites, ALPN h2, TLS 1.3 and 1.2, a session's number 01020304, three values without
// meaning.
constexpr std::string_view kHello =
    "160301007e0100007a0303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f040102"
    "030400080a0a13011302c02f010000451a1a00000000000d000b000008706c632e74657374000a000800062a2a00"
    "1d0017000b00020100000d0006000404030804001000050003026832002b0007063a3a03040303";
// TLS 1.2 with suite 0xc02f: a new session, and one that goes on.
constexpr std::string_view kNew =
    "0200002c0303000000000000000000000000000000000000000000000000000000000000000000c02f000004001700"
    "00";
constexpr std::string_view kResumed =
    "02000030030300000000000000000000000000000000000000000000000000000000000000000401020304c02f0000"
    "04ff010000";
// CN=plc.test, O=Plant, for plc7.test and 192.0.2.7, signed by itself; made with OpenSSL.
constexpr std::string_view kCertificate =
    "308201a43082014ba00302010202021234300a06082a8648ce3d04030230233111300f06035504030c08706c632e"
    "74657374310e300c060355040a0c05506c616e74301e170d3236313132333133313633365a170d32373131323331"
    "33313633365a30233111300f06035504030c08706c632e74657374310e300c060355040a0c05506c616e74305930"
    "1306072a8648ce3d020106082a8648ce3d030107034200041a13a39b8c24c2a09403bfff892b6f14d7f5b406269e"
    "dc316d4685f380dd0317d950b580e006f0fa5061ca7feb568249b0aa49f3a6e953a21c295b331efd1b30a36f306d"
    "301d0603551d0e0416041432ae8512f31d4bd8ecd118274b77ddc2cf6c9643301f0603551d2304183016801432ae"
    "8512f31d4bd8ecd118274b77ddc2cf6c9643300f0603551d130101ff040530030101ff301a0603551d1104133011"
    "8209706c63372e746573748704c0000207300a06082a8648ce3d04030203470030440220226a7388dbcbe0522bf4"
    "6117b49af68d74124e832fd511ad8ff3db6abfdcdc200220354d99187b639360938f0ffee5942695ff76ea047a30"
    "951e5d4cf201107d5c94";

std::string record(int type, std::string_view body) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const std::size_t size = body.size() / 2;
  std::string out = type == 22   ? "160303"
                    : type == 21 ? "150303"
                    : type == 20 ? "140303"
                                 : "170303";
  for (const std::size_t shift : {std::size_t{12}, std::size_t{8}, std::size_t{4}, std::size_t{0}})
    out += kDigits[size >> shift & 15U];
  return out + std::string(body);
}

// A handshake's message with `der` as the only certificate.
std::string certificate_message(std::string_view der) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const auto number = [](std::size_t value) {
    std::string out;
    for (int shift = 20; shift >= 0; shift -= 4)
      out += kDigits[value >> shift & 15U];
    return out;
  };
  const std::size_t size = der.size() / 2;
  return "0b" + number(size + 6) + number(size + 3) + number(size) + std::string(der);
}

TEST(Tls, AClientSaysWhatItCan) {
  Conversation one(kProtocol, 443);
  one.client(bytes_of(kHello));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("content_type"), "22");
  EXPECT_EQ(kept.detail("record_version"), "769");
  EXPECT_EQ(kept.detail("handshake_type"), "1");
  EXPECT_EQ(kept.detail("version"), "771");
  EXPECT_EQ(kept.detail("server_name"), "plc.test");
  EXPECT_EQ(kept.detail("application_protocol"), "h2");
  EXPECT_EQ(kept.detail("ja3_text"), "771,4865-4866-49199,0-10-11-13-16-43,29-23,0");
  EXPECT_EQ(kept.detail("ja3"), "c9e264cb3675678ee364e81f3b6da7ad");
  EXPECT_EQ(kept.detail("ja4"), "t13d0306h2_40b44b994229_fb71836bce29");
  EXPECT_EQ(kept.fact(Fact::Hostname), "plc.test");
  EXPECT_EQ(kept.evidence_[0].about, About::Receiver);
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].operation.name, "handshake");
  EXPECT_EQ(kept.transactions[0].access, Access::Session);
  EXPECT_EQ(kept.transactions[0].objects[0].name, "plc.test");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Tls, AServerChooses) {
  Conversation one(kProtocol, 443);
  one.client(bytes_of(kHello));
  one.server(bytes_of(record(22, kNew)));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("ja3s_text"), "771,49199,23");
  EXPECT_EQ(kept.detail("ja3s"), "083a17d1eee567193ca26e03736db9e5");
  EXPECT_EQ(kept.detail("resumed"), "0");
  ASSERT_EQ(kept.transactions.size(), 1U);
  EXPECT_EQ(kept.transactions[0].status.outcome, Outcome::Ok);
  EXPECT_EQ(kept.transactions[0].sub_operation.name, "TLS 1.2");
}

TEST(Tls, AnEarlyDraftAnswersInShort) {
  Conversation one(kProtocol, 443);
  one.client(bytes_of(kHello));
  // Version, random, cipher, extensions: 40 (key share of x25519, cut short for the test).
  one.server(bytes_of(record(22,
                             "02000030"
                             "7f10" +
                                 std::string(64, 'a') +
                                 "1303"
                                 "000a"
                                 "0028"
                                 "0006"
                                 "001d"
                                 "0002"
                                 "abcd")));
  const auto& kept = one.done();
  std::string ciphers;
  for (const auto& [name, value] : kept.details) {
    if (name == "cipher_suite") ciphers = value;
  }
  EXPECT_EQ(ciphers, "4867");
  EXPECT_EQ(kept.detail("ja3s_text"), "32528,4867,40");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Tls, ASessionGoesOn) {
  Conversation one(kProtocol, 443);
  one.client(bytes_of(kHello));
  one.server(bytes_of(record(22, kResumed)));
  EXPECT_EQ(one.done().detail("resumed"), "1");
  EXPECT_EQ(one.kept().transactions[0].sub_operation.name, "resumed");
}

TEST(Tls, CertificatesTellTheirHolder) {
  Conversation one(kProtocol, 443);
  one.server(bytes_of(record(22, std::string(kNew) + certificate_message(kCertificate))));
  const auto& kept = one.done();
  EXPECT_EQ(kept.detail("certificate_subject"), "CN=plc.test, O=Plant");
  EXPECT_EQ(kept.detail("certificate_issuer"), "CN=plc.test, O=Plant");
  EXPECT_EQ(kept.detail("certificate_dns_name"), "plc7.test");
  EXPECT_EQ(kept.detail("certificate_address"), "192.0.2.7");
  EXPECT_EQ(kept.detail("certificate_serial"), "\x12\x34");
  EXPECT_EQ(kept.detail("certificate_not_before"), "2026-11-23T13:16:36Z");
  EXPECT_EQ(kept.detail("certificate_not_after"), "2027-11-23T13:16:36Z");
  EXPECT_EQ(kept.detail("certificate_key"), "1.2.840.10045.2.1");
  EXPECT_EQ(kept.fact(Fact::Hostname), "plc7.test");
  EXPECT_TRUE(kept.issues.empty());
}

TEST(Tls, MessagesMayBeCutIntoRecordsAnywhere) {
  const std::string message = certificate_message(kCertificate);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
    Conversation one(kProtocol, 443);
    for (std::size_t at = 0; at < message.size(); at += 2 * bytes)
      one.server(bytes_of(record(22, std::string_view(message).substr(at, 2 * bytes))));
    EXPECT_EQ(one.kept().fact(Fact::Hostname), "plc7.test") << bytes;
  }
}

TEST(Tls, TooLongMessagesArePassedBy) {
  Conversation one(kProtocol, 443);
  one.server(bytes_of(record(22, "0bffffff00")));
  EXPECT_EQ(one.kept().issues.at(0), "handshake's message longer than is read");
  one.server(bytes_of(record(22, kNew)));
  EXPECT_TRUE(one.kept().detail("ja3s").empty());
}

TEST(Tls, CertificatesOfAnySizeEndWell) {
  const base::ByteVec whole = bytes_of(kCertificate);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Certificate certificate;
    EXPECT_FALSE(read_certificate(base::ByteView(whole).first(size), certificate)) << size;
  }
  Certificate certificate;
  EXPECT_TRUE(read_certificate(whole, certificate));
}

TEST(Tls, WhatIsEncryptedPassesBy) {
  Conversation one(kProtocol, 443);
  one.client(bytes_of(kHello));
  one.client(bytes_of(record(20, "01")));
  one.client(bytes_of(record(22, "0100000000000000000000000000000000000000")));
  one.client(bytes_of(record(23, std::string(2000, '0'))));
  const Frame frame = one.session().frame(Side::A, bytes_of(record(23, std::string(2000, '0'))));
  EXPECT_EQ(frame.size, 1005U);
  EXPECT_LT(frame.keep, 16U);
  EXPECT_EQ(one.done().transactions.size(), 1U);
  EXPECT_TRUE(one.kept().issues.empty());
}

TEST(Tls, ARefusalHasItsReason) {
  Conversation one(kProtocol, 443);
  one.client(bytes_of(kHello));
  one.server(bytes_of(record(21, "0228")));
  ASSERT_EQ(one.done().transactions.size(), 1U);
  EXPECT_EQ(one.kept().transactions[0].status.outcome, Outcome::Failed);
  EXPECT_EQ(one.kept().transactions[0].status.name, "handshake failure");
}

TEST(Tls, SaysWhatIsWrong) {
  struct Case {
    std::string_view body;
    std::string_view issue;
  };
  const Case cases[] = {
      {"010000020303", "greeting ends within its values"},
      {"0100002a0303000000000000000000000000000000000000000000000000000000000000000000000213010100f"
       "f",
       "extensions are longer than the message"},
      {"0b00000700000400000130", "certificate cannot be read"},
      {"0b000006000009000001", "certificates end within their message"},
  };
  for (const Case& one : cases) {
    Conversation talk(kProtocol, 443);
    talk.client(bytes_of(record(22, one.body)));
    ASSERT_EQ(talk.kept().issues.size(), 1U) << one.issue;
    EXPECT_EQ(talk.kept().issues[0], one.issue);
  }
}

TEST(Tls, ProbesAreStrict) {
  const FlowInfo flow;
  const auto match = [&](std::string_view hex) {
    const base::ByteVec bytes = bytes_of(hex);
    return kProtocol.probe({flow, Side::A, bytes, {}});
  };
  EXPECT_EQ(match(kHello), Match::Yes);
  EXPECT_EQ(match("16 03"), Match::Unsure);
  EXPECT_EQ(match("17 03 03 00 01 00 17 03 03 00 01 00 17 03 03 00 01 00"), Match::Yes);
  EXPECT_EQ(match("17 03 03 00 01 00 00 00 00 00 00 00"), Match::No);
  EXPECT_EQ(match("16 03 09 00 40 01 00 00 3c"), Match::No);
}

}  // namespace
}  // namespace dissect::tls
