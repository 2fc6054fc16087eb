#include "agent/baseline/docker.h"

#include <gtest/gtest.h>

namespace agent::baseline::docker {
namespace {

base::json::Value json(std::string_view text) {
  auto value = base::json::parse(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value ? std::move(*value) : base::json::Value{};
}

TEST(Docker, RendersTemplatesLikeItsCommandLine) {
  const auto container = json(R"({"Id":"ab","HostConfig":{"Privileged":true,"CapDrop":null,
    "Memory":0,"Binds":["a","b"]},"Mounts":[{"Source":"/etc","Propagation":"shared"},
    {"Source":"/srv","Propagation":"rprivate"}],"Driver":"overlay","Name":"n"})");
  const auto shown = [&](std::string_view text) {
    const auto out = render(text, container);
    return out ? *out : "!" + std::string(base::code_name(out.error().code));
  };
  EXPECT_EQ(shown("{{ .Id }}: Privileged={{ .HostConfig.Privileged }}"), "ab: Privileged=true");
  EXPECT_EQ(shown("{{.HostConfig.CapDrop}} {{.HostConfig.Nothing}}"), "<nil> <no value>");
  EXPECT_EQ(shown("Memory={{ .HostConfig.Memory }}"), "Memory=0");
  EXPECT_EQ(shown("{{.HostConfig.Binds}}"), "[a b]");
  EXPECT_EQ(shown("{{json .HostConfig.Binds}}"), "[\"a\",\"b\"]");
  EXPECT_EQ(shown("{{range $m := .Mounts }} {{ $m.Propagation }}{{end}}."), " shared rprivate.");
  EXPECT_EQ(shown("{{range $m := .Nothing }}x{{end}}."), ".");
  EXPECT_EQ(shown("{{if eq .Driver \"overlay\"}}{{ .Name }}{{else}}no{{end}}"), "n");
  EXPECT_EQ(shown("{{if eq .Driver \"bridge\"}}{{ .Name }}{{else}}no{{end}}"), "no");
  EXPECT_EQ(shown("{{if .HostConfig.Privileged}}y{{end}}{{if .HostConfig.Memory}}m{{end}}"), "y");
  EXPECT_EQ(shown("{{.Mounts}}").find("map[Propagation:shared Source:/etc]"), 1U);
  EXPECT_EQ(shown("{{ .Id"), "!malformed");
  EXPECT_EQ(shown("{{if .Id}}x"), "!malformed");
  EXPECT_EQ(shown("x{{end}}"), "!malformed");
  EXPECT_EQ(shown("{{len .Id}}"), "!unsupported");
}

TEST(Docker, PrintsOneMemberOnALine) {
  const auto lines = pretty_lines(json(R"({"User":"","Ulimits":null,"A":{"B":[1]}})"));
  EXPECT_EQ(lines, (std::vector<std::string>{"{", "    \"User\": \"\",", "    \"Ulimits\": null,",
                                             "    \"A\": {", "        \"B\": [", "            1,",
                                             "        ],", "    },", "},"}));
}

TEST(Docker, FindsMembersAlongAPath) {
  const auto value = json(R"({"A":{"B":{"C":7}}})");
  ASSERT_NE(member(value, "A.B.C"), nullptr);
  EXPECT_EQ(*member(value, "A.B.C")->if_int(), 7);
  EXPECT_EQ(member(value, "A.X.C"), nullptr);
  EXPECT_EQ(member(value, "A.B.C.D"), nullptr);
}

}  // namespace
}  // namespace agent::baseline::docker
