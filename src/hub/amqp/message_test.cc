#include "hub/amqp/message.h"

#include <gtest/gtest.h>

#include "base/text.h"
#include "hub/amqp/properties.h"
#include "wire/property_bag.h"

namespace hub::amqp {

using base::ByteVec;
using base::Code;

namespace {

ByteVec hex(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits.push_back(c);
  }
  return base::hex_decode(digits).value();
}

Message all_fields() {
  Message message;
  message.ttl_ms = 1000;
  message.delivery_count = 3;
  message.annotations = {{"status", Value::integer(-1)},
                         {"version", Value::long_integer(1LL << 40)}};
  message.message_id = {Value::Type::Uuid, 0, 0, std::string(16, '\x07')};
  message.user_id = "u";
  message.to = "/devices/d/messages/devicebound";
  message.subject = "s";
  message.reply_to = "cbs";
  message.correlation_id = Value::text("c");
  message.content_type = "application/json";
  message.content_encoding = "utf-8";
  message.expiry_ms = 1'600'000'000'000;
  message.creation_ms = 1'500'000'000'000;
  message.application = {{"text", Value::text(std::string(300, 'x'))},
                         {"flag", {Value::Type::Bool, 1, 0, {}}},
                         {"real", {Value::Type::Double, 0, 2.5, {}}},
                         {"none", {}},
                         {"when", Value::timestamp(-5)},
                         {"raw", {Value::Type::Binary, 0, 0, std::string("\0\1", 2)}}};
  return message;
}

TEST(Message, ComesBackAsItWasWritten) {
  Message message = all_fields();
  const std::string body(70'000, 'b');
  message.data = {body, "second"};
  ByteVec bytes;
  encode(message, bytes);
  const auto back = decode(bytes);
  ASSERT_TRUE(back.has_value()) << back.error().to_string();
  EXPECT_EQ(back->ttl_ms, message.ttl_ms);
  EXPECT_EQ(back->delivery_count, message.delivery_count);
  EXPECT_EQ(back->annotations, message.annotations);
  EXPECT_EQ(back->message_id, message.message_id);
  EXPECT_EQ(back->user_id, message.user_id);
  EXPECT_EQ(back->to, message.to);
  EXPECT_EQ(back->subject, message.subject);
  EXPECT_EQ(back->reply_to, message.reply_to);
  EXPECT_EQ(back->correlation_id, message.correlation_id);
  EXPECT_EQ(back->content_type, message.content_type);
  EXPECT_EQ(back->content_encoding, message.content_encoding);
  EXPECT_EQ(back->expiry_ms, message.expiry_ms);
  EXPECT_EQ(back->creation_ms, message.creation_ms);
  EXPECT_EQ(back->application, message.application);
  EXPECT_EQ(back->data, message.data);
  std::string scratch;
  EXPECT_EQ(back->body(scratch), body + "second");
}

// Written by hand, from part 1 of the standard.
TEST(Message, ReadsEveryFormOfAScalar) {
  struct Form {
    const char* bytes;
    const char* text;
  };
  for (const Form& form : std::initializer_list<Form>{
           {"40", ""},
           {"41", "true"},
           {"42", "false"},
           {"56 01", "true"},
           {"50 ff", "255"},
           {"60 ffff", "65535"},
           {"70 ffffffff", "4294967295"},
           {"52 05", "5"},
           {"43", "0"},
           {"80 ffffffffffffffff", "18446744073709551615"},
           {"53 07", "7"},
           {"44", "0"},
           {"51 ff", "-1"},
           {"61 8000", "-32768"},
           {"71 80000000", "-2147483648"},
           {"54 fe", "-2"},
           {"81 8000000000000000", "-9223372036854775808"},
           {"55 80", "-128"},
           {"72 40200000", "2.5"},
           {"82 4004000000000000", "2.5"},
           {"74 00000000", ""},
           {"83 0000000000000000", "1970-01-01T00:00:00.000Z"},
           {"83 7fffffffffffffff", "9223372036854775807"},
           {"98 00112233445566778899aabbccddeeff", "00112233-4455-6677-8899-aabbccddeeff"},
           {"a0 02 6869", "hi"},
           {"b0 00000002 6869", "hi"},
           {"a1 02 6869", "hi"},
           {"b1 00000002 6869", "hi"},
           {"a3 02 6869", "hi"},
           {"b3 00000002 6869", "hi"},
           {"45", ""},
           {"c0 02 01 41", ""},
           {"c1 01 00", ""},
           {"e0 03 01 50 01", ""},
           {"00 a3 01 78 a1 01 79", ""}}) {
    const ByteVec bytes = hex(std::string("00 53 77") + form.bytes);
    const auto message = decode(bytes);
    ASSERT_TRUE(message.has_value()) << form.bytes;
    EXPECT_EQ(message->value->to_text(), form.text) << form.bytes;
  }
}

TEST(Message, RefusesWhatIsCutOff) {
  Message message = all_fields();
  message.data = {"body"};
  ByteVec bytes;
  encode(message, bytes);
  std::size_t whole = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto read = decode(base::ByteView(bytes).first(size));
    if (read) {
      ++whole;  // cut between two sections
    } else {
      EXPECT_EQ(read.error().code, Code::Malformed) << size;
    }
  }
  EXPECT_EQ(whole, 5U);
}

TEST(Message, RefusesWhatIsNone) {
  for (const char* bytes :
       {"41", "00 53 79 40", "00 53 75 a1 01 78", "00 a3 01 78 40", "00 53 72 c1 03 03 a3 00",
        "00 53 72 c1 02 02 a3", "00 53 73 d0 00000008 ffffffff 40 40 40 40", "00 53 73 41",
        "00 53 77 10", "00 53 77 30 00", "00 53 77 b1 ffffffff 00",
        "00 53 71 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00"}) {
    const auto read = decode(hex(bytes));
    ASSERT_FALSE(read.has_value()) << bytes;
    EXPECT_EQ(read.error().code, Code::Malformed) << bytes;
  }
}

TEST(Message, LimitsEntriesAndSections) {
  Message message;
  for (std::size_t i = 0; i <= Message::kMaxEntries; ++i)
    message.application.emplace_back("k", Value());
  ByteVec bytes;
  encode(message, bytes);
  EXPECT_EQ(decode(bytes).error().code, Code::TooLarge);
  ByteVec sections;
  for (std::size_t i = 0; i <= Message::kMaxSections; ++i)
    sections.insert(sections.end(), {0x00, 0x53, 0x75, 0xA0, 0x00});
  EXPECT_EQ(decode(sections).error().code, Code::TooLarge);
}

TEST(PropertyBag, HasWhatTheSdksSay) {
  Message message;
  message.message_id = Value::text("m1");
  message.correlation_id = {Value::Type::Uuid, 0, 0, std::string(16, '\x11')};
  message.content_type = "application/json";
  message.content_encoding = "utf-8";
  message.user_id = "u";
  message.annotations = {{"iothub-interface-id", Value::text(wire::kSecurityInterface)},
                         {"iothub-connection-device-id", Value::text("somebody else")},
                         {"x-opt-output-name", Value::text("out")}};
  message.application = {{"colour", Value::text("red & blue")},
                         {"count", Value::integer(3)},
                         {"$.cdid", Value::text("somebody else")},
                         {"$.ifid", Value::text("another")}};
  const std::string text = property_bag(message);
  EXPECT_TRUE(wire::is_security_message(text)) << text;
  const auto bag = wire::PropertyBag::parse(text).value();
  const auto value = [&](const char* name) {
    const std::string* found = bag.find(name);
    return found == nullptr ? "(none)" : *found;
  };
  EXPECT_EQ(value("$.mid"), "m1");
  EXPECT_EQ(value("$.cid"), "11111111-1111-1111-1111-111111111111");
  EXPECT_EQ(value("$.ct"), "application/json");
  EXPECT_EQ(value("$.ce"), "utf-8");
  EXPECT_EQ(value("$.uid"), "u");
  EXPECT_EQ(value("$.on"), "out");
  EXPECT_EQ(value("colour"), "red & blue");
  EXPECT_EQ(value("count"), "3");
  EXPECT_EQ(value("$.cdid"), "(none)");
  EXPECT_EQ(bag.properties().size(), 9U);
}

TEST(DecodeEvents, TakesABatchApart) {
  ByteVec first;
  Message message;
  message.message_id = Value::text("1");
  message.data = {"one"};
  encode(message, first);
  ByteVec second;
  message.message_id = Value::text("2");
  message.data = {"two"};
  encode(message, second);
  Message batch;
  batch.data = {base::as_text(first), base::as_text(second)};
  ByteVec bytes;
  encode(batch, bytes);
  const auto messages = decode_events(bytes);
  ASSERT_TRUE(messages.has_value());
  ASSERT_EQ(messages->size(), 2U);
  std::string scratch;
  EXPECT_EQ((*messages)[0].message_id.bytes, "1");
  EXPECT_EQ((*messages)[1].body(scratch), "two");
}

TEST(DecodeEvents, LeavesAMessageWhole) {
  for (const char* body : {"plain", "", "{\"a\":1}"}) {
    Message message;
    message.data = {body, body};
    ByteVec bytes;
    encode(message, bytes);
    const auto messages = decode_events(bytes);
    ASSERT_TRUE(messages.has_value());
    EXPECT_EQ(messages->size(), 1U) << body;
  }
}

}  // namespace
}  // namespace hub::amqp
