#include "uplink/module_key.h"

#include <gtest/gtest.h>

namespace uplink {
namespace {

using base::Code;

TEST(ReadModuleKey, ReadsWhatTheServiceAnswers) {
  EXPECT_EQ(read_module_key(R"({"moduleId":"azureiotsecurity","managedBy":null,"deviceId":"d",
                 "generationId":"1","etag":"x","connectionState":"Disconnected",
                 "authentication":{"symmetricKey":{"primaryKey":"a2V5","secondaryKey":"a2V5Mg=="},
                 "x509Thumbprint":{"primaryThumbprint":null,"secondaryThumbprint":null},
                 "type":"sas"}})")
                .value(),
            "a2V5");
  // Older services name no type.
  EXPECT_EQ(read_module_key(R"({"authentication":{"symmetricKey":{"primaryKey":"a2V5"}}})").value(),
            "a2V5");
}

TEST(ReadModuleKey, RefusesTheRest) {
  const std::pair<const char*, Code> cases[] = {
      {"", Code::Malformed},
      {"[]", Code::Malformed},
      {"{}", Code::Malformed},
      {R"({"authentication":7})", Code::Malformed},
      {R"({"authentication":{"type":"sas"}})", Code::Malformed},
      {R"({"authentication":{"symmetricKey":{"primaryKey":null}}})", Code::Malformed},
      {R"({"authentication":{"symmetricKey":{"primaryKey":""}}})", Code::Malformed},
      {R"({"authentication":{"symmetricKey":{"primaryKey":"no base64!"}}})", Code::Malformed},
      {R"({"authentication":{"type":"selfSigned","symmetricKey":{"primaryKey":null}}})",
       Code::Unsupported},
  };
  for (const auto& [text, code] : cases) {
    const auto key = read_module_key(text);
    ASSERT_FALSE(key.has_value()) << text;
    EXPECT_EQ(key.error().code, code) << text;
  }
}

}  // namespace
}  // namespace uplink
