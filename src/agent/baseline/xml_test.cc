#include "agent/baseline/xml.h"

#include <gtest/gtest.h>

namespace agent::baseline {
namespace {

// "<a x=1", "text", ">a": what the reader says, one word for each piece.
std::string told(std::string_view xml) {
  XmlReader reader(xml);
  std::string out;
  for (;;) {
    const auto piece = reader.next();
    if (!piece) return out + "!" + std::string(base::code_name(piece.error().code));
    switch (piece->kind) {
      case XmlReader::Kind::Start:
        out += "<" + piece->name;
        for (const auto& [name, value] : piece->attributes)
          out += " " + name + "=[" + value + "]";
        out += " ";
        break;
      case XmlReader::Kind::End:
        out += ">" + piece->name + " ";
        break;
      case XmlReader::Kind::Text:
        out += "'" + piece->text + "' ";
        break;
      case XmlReader::Kind::Done:
        return out + ".";
    }
  }
}

TEST(XmlReader, TellsElementsAttributesAndText) {
  EXPECT_EQ(told("<a/>"), "<a >a .");
  EXPECT_EQ(told("<?xml version='1.0' encoding='UTF-8'?>\n<a x='1' y = \"2\">t<b/>u</a>\n"),
            "<a x=[1] y=[2] 't' <b >b 'u' >a .");
  EXPECT_EQ(told("\xEF\xBB\xBF<a/>"), "<a >a .");
  EXPECT_EQ(told("<a><!-- no <b> --><![CDATA[<c> & ]]></a>"), "<a '<c> & ' >a .");
  EXPECT_EQ(told("<a>  \n </a>"), "<a >a .");
  EXPECT_EQ(told("<a></a>>"), "<a >a !malformed");
  EXPECT_EQ(told("<a><b></b>></a>"), "<a <b >b '>' >a .");
}

TEST(XmlReader, DecodesItsOwnEntitiesAndNumbers) {
  EXPECT_EQ(told("<a x='&lt;&gt;&amp;&quot;&apos;'/>"), "<a x=[<>&\"'] >a .");
  EXPECT_EQ(told("<a>&#65;&#x42;&#xe4;&#x1F600;</a>"), "<a 'AB\xC3\xA4\xF0\x9F\x98\x80' >a .");
  for (const char* const bad : {"<a>&nbsp;</a>", "<a>&lt</a>", "<a>&#0;</a>", "<a>&#xD800;</a>",
                                "<a>&#x110000;</a>", "<a>&#;</a>", "<a>&;</a>", "<a>&#1;</a>"})
    EXPECT_EQ(told(bad), "<a !malformed") << bad;
}

TEST(XmlReader, MakesOneBlankOfWhiteSpaceInAttributes) {
  EXPECT_EQ(told("<a x='1\n2\t3'/>"), "<a x=[1 2 3] >a .");
}

TEST(XmlReader, RefusesWhatIsNotWellFormed) {
  for (const char* const bad : {"",
                                "text",
                                "<",
                                "<a",
                                "<a>",
                                "<a></b>",
                                "</a>",
                                "<a/><b/>",
                                "<a/>text",
                                "<a x/>",
                                "<a x=1/>",
                                "<a x='1/>",
                                "<a x='<'/>",
                                "<a x='1' x='2'/>",
                                "<a x='1'y='2'/>",
                                "<1/>",
                                "<a><!-- </a>",
                                "<a><![CDATA[</a>",
                                "<?xml",
                                "<a>\xFF</a>",
                                "< a/>",
                                "<a / >"}) {
    EXPECT_NE(told(bad).find("!malformed"), std::string::npos) << bad << " -> " << told(bad);
  }
}

TEST(XmlReader, SaysOnWhichLine) {
  XmlReader reader("<a>\n\n<b></a>");
  for (;;) {
    const auto piece = reader.next();
    if (piece) continue;
    EXPECT_NE(piece.error().detail.find("line 3"), std::string::npos) << piece.error().detail;
    return;
  }
}

TEST(XmlReader, DefinesAndFetchesNothing) {
  EXPECT_EQ(told("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"),
            "!unsupported");
  EXPECT_EQ(told("<?xml version='1.0' encoding='UTF-16'?><a/>"), "!unsupported");
}

TEST(XmlReader, KeepsItsLimits) {
  std::string deep;
  for (std::size_t i = 0; i <= XmlReader::kMaxDepth; ++i)
    deep += "<a>";
  EXPECT_NE(told(deep).find("!too large"), std::string::npos) << told(deep);
  std::string wide = "<a";
  for (std::size_t i = 0; i <= XmlReader::kMaxAttributes; ++i)
    wide += " x" + std::to_string(i) + "=''";
  EXPECT_NE(told(wide + "/>").find("!too large"), std::string::npos);
  EXPECT_EQ(told("<a>" + std::string(XmlReader::kMaxBytes, ' ') + "</a>"), "!too large");
}

}  // namespace
}  // namespace agent::baseline
