#include "kql/complete.h"

#include <algorithm>
#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kql/bind/bind.h"
#include "kql/functions/function.h"
#include "kql/functions/special.h"
#include "kql/kql.h"

namespace kql {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

const Catalogue& catalogue() {
  static const Catalogue tables({
      {"Events", {{"DeviceId", Type::String}, {"Size", Type::Long}, {"Details", Type::Dynamic}}},
      {"Alerts", {{"Severity", Type::String}, {"DeviceId", Type::String}}, "", "What was found."},
  });
  return tables;
}

// '^' is where the cursor stands.
Completion complete_at(std::string query) {
  const std::size_t at = query.find('^');
  query.erase(at, 1);
  return complete(query, at, catalogue());
}

std::vector<std::string> labels(const std::string& query) {
  std::vector<std::string> out;
  for (const Suggestion& item : complete_at(query).items)
    out.push_back(item.label);
  return out;
}

const Suggestion* find(const Completion& completion, std::string_view label) {
  const auto found = std::ranges::find(completion.items, label, &Suggestion::label);
  return found == completion.items.end() ? nullptr : &*found;
}

struct Case {
  const char* query;
  const char* has;  // nullptr: nothing at all is suggested
  const char* lacks;
};

constexpr std::array kCases{
    // Where a query begins.
    Case{"^", "Events", "strcat"},
    Case{"^", "let", "where"},
    Case{"let x = 5; ^", "x", "where"},
    Case{"let T = Events; ^", "T", "where"},
    Case{"let x = ^", "Events", "where"},
    Case{"let x = ^", "ago", "where"},
    Case{"Ev^", "Events", "Alerts"},
    // Operators.
    Case{"Events | ^", "where", "Events"},
    Case{"Events | wh^", "where", "project"},
    Case{"Events | project-aw^", "project-away", "project"},
    Case{"Events\n| where Size > 5\n| ^", "summarize", "Size"},
    Case{"Events | ^ | take 5", "extend", "DeviceId"},
    // Columns: those of the rows as they are at that place.
    Case{"Events | where ^", "DeviceId", "Severity"},
    Case{"Events | where ^", "strlen", "count"},
    Case{"Events | where De^", "DeviceId", "Size"},
    Case{"Events | where Size > 5 and ^", "Details", "Severity"},
    Case{"Events | extend Half = Size / 2 | where ^", "Half", "Severity"},
    Case{"Events | project Name = DeviceId | where ^", "Name", "DeviceId"},
    Case{"Events | project ^", "Size", "Severity"},
    Case{"Events | project-away ^", "Size", "strlen"},
    Case{"Events | summarize Total = sum(Size) by DeviceId | where ^", "Total", "Size"},
    Case{"Events | summarize by ^", "DeviceId", "sum"},
    Case{"Events | sort by ^", "Size", "Severity"},
    Case{"Events | where strlen(^", "DeviceId", "Severity"},
    Case{"Events | where strcat(DeviceId, ^", "DeviceId", "Severity"},
    Case{"Events | where iff(Size > 1, ^", "DeviceId", "Severity"},
    Case{"Events | where ^\n| project Size", "DeviceId", "Severity"},
    Case{"Events | mv-expand ^", "Details", "Severity"},
    Case{"Events | mv-apply d = Details on (where ^", "d", "Severity"},
    Case{"Events | make-series avg(^", "Size", "Severity"},
    Case{"search ^", "strlen", "Wher"},
    // Aggregates, only where they may stand.
    Case{"Events | summarize ^", "count", "where"},
    Case{"Events | summarize ^", "arg_max", "Size"},
    Case{"Events | summarize sum(^", "Size", "countif"},
    Case{"Events | extend x = ^", "Size", "countif"},
    // Words of the grammar.
    Case{"Events | summarize count() ^", "by", "asc"},
    Case{"Events | sort by Size ^", "desc", "by"},
    Case{"Events | sort ^", "by", "Size"},
    Case{"Events | top 5 ^", "by", "where"},
    Case{"Events | where DeviceId ^", "contains", "strlen"},
    Case{"Events | where DeviceId !^", "!has", "contains"},
    Case{"Events | where DeviceId == 'x' ^", "and", "strlen"},
    Case{"Events | take 5 ^", nullptr, "strlen"},
    Case{"Events | join kind=^", "leftanti", "outer"},
    Case{"union kind=^", "outer", "leftanti"},
    Case{"Events | render ^", "timechart", "strlen"},
    Case{"Events | evaluate ^", "bag_unpack", "strlen"},
    Case{"datatable(a: ^", "string", "Events"},
    // Tables within.
    Case{"Events | join (^", "Alerts", "strlen"},
    Case{"Events | join (Al^", "Alerts", "Events"},
    Case{"Events | join (Alerts | where ^", "Severity", "Size"},
    Case{"Events | join (Alerts) ^", "on", "Severity"},
    Case{"Events | join (Alerts) on ^", "DeviceId", "where"},
    Case{"Events | join (Alerts) on $left.^", "Size", "Severity"},
    Case{"Events | join (Alerts) on $left.DeviceId == $right.^", "Severity", "Size"},
    Case{"union ^", "Alerts", "strlen"},
    Case{"Events | union Al^", "Alerts", "Events"},
    Case{"Events | where DeviceId in (^", "Alerts", "where"},
    Case{"Events | where DeviceId in (Alerts | where ^", "Severity", "Size"},
    Case{"print toscalar(^", "Events", "where"},
    Case{"print toscalar(Events | project ^", "Size", "Severity"},
    // What let has bound.
    Case{"let limit_ = 5; Events | where Size > ^", "limit_", "Severity"},
    Case{"let f = (x:long) { x + 1 }; Events | where ^", "f", "Severity"},
    Case{"let f = (x:long, y:string) { print ^", "y", "Severity"},
    Case{"let f = (T:(a:long, b:string)) { T | where ^", "b", "Severity"},
    Case{"let f = (x:long) { Events | where Size > ^", "x", "Severity"},
    Case{"let f = (x:long) { let inner = 1; ^", "inner", "where"},
    Case{"let A = Alerts | where Severity == 'x'; A | project ^", "Severity", "Size"},
    Case{"Events | as Kept | union ^", "Kept", "strlen"},
    // Nowhere.
    Case{"Events | where DeviceId == 'De^'", nullptr, "DeviceId"},
    Case{"Events | where DeviceId == \"De^", nullptr, "DeviceId"},
    Case{"Events // De^", nullptr, "DeviceId"},
    Case{"Events | take 1^", nullptr, "DeviceId"},
    Case{"Events | where t > datetime(20^", nullptr, "DeviceId"},
    Case{"Events | extend x = Details.^", nullptr, "DeviceId"},
    Case{"let ^", nullptr, "Events"},
};

TEST(Complete, KnowsWhatMayComeAndWhatNot) {
  for (const Case& each : kCases) {
    const auto found = labels(each.query);
    if (each.has == nullptr) {
      EXPECT_THAT(found, Not(Contains(each.lacks))) << each.query;
      continue;
    }
    EXPECT_THAT(found, Contains(each.has)) << each.query;
    EXPECT_THAT(found, Not(Contains(each.lacks))) << each.query;
  }
}

TEST(Complete, IsSilentInTextsCommentsAndNumbers) {
  for (const char* query : {"print 'a^'", "print \"a^", "print @'a^'", "print ```a^",
                            "print 1 // a^", "print 1^", "print datetime(2020-^", "print 5^d"}) {
    EXPECT_THAT(labels(query), IsEmpty()) << query;
  }
}

TEST(Complete, SaysWhatItWouldReplace) {
  const Completion found = complete_at("Events | where Dev^iceId");
  EXPECT_EQ(found.offset, 15U);
  EXPECT_EQ(found.length, 3U);
  ASSERT_NE(find(found, "DeviceId"), nullptr);
  EXPECT_EQ(find(found, "DeviceId")->detail, "string");
  EXPECT_EQ(find(found, "DeviceId")->insert, "DeviceId");
  const Completion empty = complete_at("Events | where ^");
  EXPECT_EQ(empty.offset, 15U);
  EXPECT_EQ(empty.length, 0U);
}

TEST(Complete, PutsFirstWhatBeginsWithTheWordAndMindsNoCase) {
  const auto found = labels("Events | where si^");
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.front(), "Size");
  EXPECT_THAT(found, Contains("string_size")) << "within a name, too";
}

TEST(Complete, QuotesColumnsThatAreNoPlainNames) {
  const Completion found = complete_at("datatable(['a b']:long)[1] | where a^");
  ASSERT_NE(find(found, "a b"), nullptr);
  EXPECT_EQ(find(found, "a b")->insert, "[\"a b\"]");
}

TEST(Complete, TellsWhatAFunctionTakes) {
  const Completion found = complete_at("Events | where startof^");
  const Suggestion* item = find(found, "startofday");
  ASSERT_NE(item, nullptr);
  EXPECT_EQ(item->kind, SuggestionKind::Function);
  EXPECT_EQ(item->insert, "startofday(");
  EXPECT_THAT(item->detail, testing::HasSubstr("datetime"));
  EXPECT_FALSE(item->documentation.empty());
  const Completion operators = complete_at("Events | summ^");
  ASSERT_NE(find(operators, "summarize"), nullptr);
  EXPECT_FALSE(find(operators, "summarize")->documentation.empty());
  const Completion tables = complete_at("Al^");
  ASSERT_NE(find(tables, "Alerts"), nullptr);
  EXPECT_EQ(find(tables, "Alerts")->documentation, "What was found.");
}

TEST(Complete, KnowsTheCallAndItsArgument) {
  struct SignatureCase {
    const char* query;
    const char* name;
    std::size_t argument;
  };
  for (const SignatureCase& each :
       {SignatureCase{"print strcat(^", "strcat", 0},
        SignatureCase{"print strcat('a', ^", "strcat", 1},
        SignatureCase{"print strcat('a', strlen('b')^", "strcat", 1},
        SignatureCase{"print strcat('a', strlen(^", "strlen", 0},
        SignatureCase{"print iff(true, 1, ^2)", "iff", 2},
        SignatureCase{"print strcat('a, b, ^c')", "strcat", 0},
        SignatureCase{"let f = (x:long, y:string) { x }; print f(1, ^", "f", 1},
        SignatureCase{"Events | summarize arg_max(Size, ^", "arg_max", 1}}) {
    const Completion found = complete_at(each.query);
    ASSERT_TRUE(found.signature) << each.query;
    EXPECT_EQ(found.signature->name, each.name) << each.query;
    EXPECT_EQ(found.signature->argument, each.argument) << each.query;
    EXPECT_FALSE(found.signature->forms.empty()) << each.query;
  }
  EXPECT_EQ(complete_at("let f = (x:long, y:string) { x }; print f(^").signature->forms[0].label,
            "f(x: long, y: string)");
  EXPECT_THAT(complete_at("print substring('a', ^").signature->forms[1].parameters,
              ElementsAre("text: text", "start: long", "length: long"));
  for (const char* query : {"print (1 + ^", "Events | where Size in (^", "print strlen('a')^"})
    EXPECT_FALSE(complete_at(query).signature) << query;
}

// Each of those that the table of functions does not have can be looked up all the same.
TEST(Complete, EverySpecialFunctionHasItsForm) {
  for (const std::string_view name : functions::special_names()) {
    const auto forms = functions::special_forms();
    const bool known =
        std::ranges::find(forms, name, &functions::SpecialForm::name) != forms.end() ||
        !functions::find(name, functions::Kind::Scalar).empty();
    EXPECT_TRUE(known) << name << " is missing in functions/special.cc";
  }
  for (const std::string_view name : vocabulary().operators) {
    ASSERT_NE(operator_document(name), nullptr) << name;
    EXPECT_FALSE(operator_document(name)->summary.empty()) << name;
  }
}

// The names that completion offers are those that the binder takes.
TEST(Complete, OffersOnlyPluginsThatThereAre) {
  for (const std::string_view name : bind::plugin_names()) {
    const auto diagnostics =
        validate("Events | evaluate " + std::string(name) + "(Details)", catalogue());
    for (const Diagnostic& each : diagnostics)
      EXPECT_THAT(each.message, Not(testing::HasSubstr("no plugin"))) << name;
  }
}

TEST(Complete, OffersNoNameThatIsNotWrittenYet) {
  for (const std::string& label :
       labels("let f = (:long) { Events | where Size > 1 }; f(0) | where ^"))
    EXPECT_FALSE(label.empty());
  EXPECT_THAT(labels("let f = (:long) { Events | where ^"), Not(Contains("")));
}

TEST(Complete, AnswersForAnyPlaceOfAnyText) {
  const std::string query =
      "let f = (x:long) { Events | where Size > x };\n"
      "f(5) | join kind=inner (Alerts | where Severity =~ \"hïgh\") on DeviceId // end\n"
      "| summarize n = count(), arg_max(Size, *) by bin(Size, 10) | evaluate pivot(Severity)";
  for (std::size_t at = 0; at <= query.size() + 2; ++at) {
    const Completion found = complete(query, at, catalogue());
    EXPECT_LE(found.offset + found.length, query.size());
    for (const Suggestion& item : found.items) {
      EXPECT_FALSE(item.label.empty());
      EXPECT_FALSE(item.insert.empty());
    }
  }
  EXPECT_THAT(complete(std::string(kMaxQueryBytes + 1, ' '), 3, catalogue()).items, IsEmpty());
  EXPECT_THAT(complete("\xff", 1, catalogue()).items, IsEmpty());
}

}  // namespace
}  // namespace kql
