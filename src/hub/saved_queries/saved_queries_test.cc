#include "hub/saved_queries/saved_queries.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kql/kql.h"
#include "os/scratch_testing.h"
#include "store/catalogue.h"

namespace hub::saved_queries {
namespace {

using base::Code;
using testing::ElementsAre;

const base::WallTime kNow{std::chrono::hours(1000)};

class SavedQueriesTest : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    saved_.reset();
    auto opened = SavedQueries::open(options_, kNow);
    ASSERT_TRUE(opened) << opened.error().to_string();
    saved_ = std::move(*opened);
  }
  Draft draft(const std::string& name, bool shared = false) {
    Draft out;
    out.name = name;
    out.description = "What " + name + " shows";
    out.query = "SecurityAlert | take 5";
    out.tags = {"alerts", "mine"};
    out.shared = shared;
    return out;
  }
  std::vector<std::string> names(Filter filter, const Who& who) {
    std::vector<std::string> out;
    const auto page = saved_->list(filter, who);
    EXPECT_TRUE(page) << page.error().to_string();
    for (const Query& query : page->items) {
      if (!query.builtin()) out.push_back(query.draft.name);
    }
    return out;
  }

  os::ScratchDir folder_;
  Options options_{folder_ / "state.db"};
  std::unique_ptr<SavedQueries> saved_;
  const Who ann_{"ann"};
  const Who rita_{"rita"};
  const Who root_{"root", true};
};

TEST_F(SavedQueriesTest, KeepsWhatWasSaidThroughARestart) {
  const auto made = saved_->create(draft("b"), ann_, kNow);
  ASSERT_TRUE(made) << made.error().to_string();
  reopen();
  const auto found = saved_->get(made->id, ann_);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->draft.name, "b");
  EXPECT_EQ(found->draft.description, "What b shows");
  EXPECT_EQ(found->draft.query, "SecurityAlert | take 5");
  EXPECT_THAT(found->draft.tags, ElementsAre("alerts", "mine"));
  EXPECT_FALSE(found->draft.shared);
  EXPECT_EQ(found->owner, "ann");
  EXPECT_EQ(found->created, kNow);
  EXPECT_EQ(found->etag, "1");
}

TEST_F(SavedQueriesTest, OthersSeeOnlyWhatIsSharedAndChangeNothing) {
  const auto own = saved_->create(draft("own"), ann_, kNow);
  const auto shared = saved_->create(draft("shared", true), ann_, kNow);
  ASSERT_TRUE(own && shared);
  EXPECT_THAT(names({.limit = 1000}, rita_), ElementsAre("shared"));
  EXPECT_THAT(names({.limit = 1000}, ann_), ElementsAre("own", "shared"));
  EXPECT_THAT(names({.own = true, .limit = 1000}, rita_), ElementsAre());
  EXPECT_THAT(names({.limit = 1000}, root_), ElementsAre("own", "shared"));
  EXPECT_EQ(saved_->get(own->id, rita_).error().code, Code::NotFound);
  EXPECT_EQ(saved_->replace(own->id, draft("x"), "", rita_, kNow).error().code, Code::NotFound);
  EXPECT_EQ(saved_->replace(shared->id, draft("x"), "", rita_, kNow).error().code, Code::Denied);
  EXPECT_EQ(saved_->remove(shared->id, "", rita_).error().code, Code::Denied);
  EXPECT_TRUE(saved_->replace(shared->id, draft("y", true), "", root_, kNow));
  EXPECT_EQ(saved_->get(shared->id, rita_)->updated_by, "root");
  EXPECT_EQ(saved_->get(shared->id, rita_)->owner, "ann");
}

TEST_F(SavedQueriesTest, AChangeNeedsTheEtagThatWasRead) {
  const auto made = saved_->create(draft("a"), ann_, kNow);
  const auto changed =
      saved_->replace(made->id, draft("b"), made->etag, ann_, kNow + std::chrono::hours(1));
  ASSERT_TRUE(changed) << changed.error().to_string();
  EXPECT_EQ(changed->updated, kNow + std::chrono::hours(1));
  EXPECT_NE(changed->etag, made->etag);
  EXPECT_EQ(changed->etag, saved_->get(made->id, ann_)->etag);
  EXPECT_EQ(saved_->replace(made->id, draft("c"), made->etag, ann_, kNow).error().code,
            Code::Conflict);
  EXPECT_EQ(saved_->remove(made->id, made->etag, ann_).error().code, Code::Conflict);
  EXPECT_TRUE(saved_->remove(made->id, changed->etag, ann_));
  EXPECT_EQ(saved_->remove(made->id, "", ann_).error().code, Code::NotFound);
}

TEST_F(SavedQueriesTest, ANameIsItsOwnersOnce) {
  ASSERT_TRUE(saved_->create(draft("a"), ann_, kNow));
  EXPECT_EQ(saved_->create(draft("A"), ann_, kNow).error().code, Code::Exists);
  EXPECT_TRUE(saved_->create(draft("a"), rita_, kNow));
  const auto other = saved_->create(draft("b"), ann_, kNow);
  EXPECT_EQ(saved_->replace(other->id, draft("a"), "", ann_, kNow).error().code, Code::Exists);
}

TEST_F(SavedQueriesTest, RefusesWhatIsNoneOrTooMuch) {
  const auto code_of = [&](auto change) {
    Draft wrong = draft("a");
    change(wrong);
    const auto made = saved_->create(wrong, ann_, kNow);
    EXPECT_FALSE(made);
    return made ? Code::Io : made.error().code;
  };
  EXPECT_EQ(code_of([](Draft& d) { d.name = ""; }), Code::Invalid);
  EXPECT_EQ(code_of([](Draft& d) { d.name = " a"; }), Code::Invalid);
  EXPECT_EQ(code_of([](Draft& d) { d.name = "a\nb"; }), Code::Invalid);
  EXPECT_EQ(code_of([](Draft& d) { d.name = std::string(kMaxName + 1, 'a'); }), Code::Invalid);
  EXPECT_EQ(code_of([](Draft& d) { d.query = " \n"; }), Code::Invalid);
  EXPECT_EQ(code_of([](Draft& d) { d.query.assign(kMaxQuery + 1, 'a'); }), Code::TooLarge);
  EXPECT_EQ(code_of([](Draft& d) { d.description.assign(kMaxDescription + 1, 'a'); }),
            Code::TooLarge);
  EXPECT_EQ(code_of([](Draft& d) { d.tags.assign(kMaxTags + 1, "a"); }), Code::TooLarge);
  EXPECT_EQ(code_of([](Draft& d) { d.tags = {""}; }), Code::Invalid);
  options_.max_per_owner = 2;
  reopen();
  ASSERT_TRUE(saved_->create(draft("a"), ann_, kNow));
  ASSERT_TRUE(saved_->create(draft("b"), ann_, kNow));
  EXPECT_EQ(saved_->create(draft("c"), ann_, kNow).error().code, Code::Full);
  EXPECT_TRUE(saved_->create(draft("c"), rita_, kNow));
}

TEST_F(SavedQueriesTest, ListsByNamePageByPageAndFinds) {
  for (const char* name : {"delta", "alpha", "Charlie", "bravo"}) {
    Draft one = draft(name);
    if (name[0] == 'a') one.tags = {"first"};
    ASSERT_TRUE(saved_->create(one, ann_, kNow));
  }
  Filter filter{.own = true, .limit = 3};
  const auto first = saved_->list(filter, ann_);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->total, 4);
  EXPECT_THAT(names(filter, ann_), ElementsAre("alpha", "bravo", "Charlie"));
  filter.cursor = first->next_cursor;
  EXPECT_THAT(names(filter, ann_), ElementsAre("delta"));
  EXPECT_EQ(saved_->list(filter, ann_)->next_cursor, "");
  filter.cursor = "%";
  EXPECT_EQ(saved_->list(filter, ann_).error().code, Code::Invalid);
  EXPECT_THAT(names({.search = "CHARLIE shows", .own = true}, ann_), ElementsAre("Charlie"));
  EXPECT_THAT(names({.search = "%", .own = true}, ann_), ElementsAre()) << "no wildcards";
  EXPECT_THAT(names({.tag = "first", .own = true}, ann_), ElementsAre("alpha"));
}

TEST_F(SavedQueriesTest, WhatComesWithTheHubIsThereForAllAndChangedByNobody) {
  const auto page = saved_->list({.search = "", .limit = 1000}, rita_);
  ASSERT_TRUE(page);
  ASSERT_EQ(page->items.size(), builtin_files().size());
  const Query& one = page->items.front();
  EXPECT_TRUE(one.builtin());
  EXPECT_EQ(saved_->remove(one.id, "", root_).error().code, Code::Denied);
  EXPECT_EQ(saved_->replace(one.id, draft("x"), "", root_, kNow).error().code, Code::Denied);
  reopen();
  EXPECT_EQ(saved_->get(one.id, rita_)->etag, one.etag) << "untouched by a restart";
}

TEST(BuiltinQueries, CompileOverTheTablesThatThereAre) {
  ASSERT_FALSE(builtin_files().empty());
  for (const BuiltinFile& file : builtin_files()) {
    const auto draft = read_builtin(file.text);
    ASSERT_TRUE(draft) << file.file << ": " << draft.error().to_string();
    EXPECT_FALSE(draft->description.empty()) << file.file;
    EXPECT_FALSE(draft->tags.empty()) << file.file;
    const auto compiled = kql::compile(draft->query, store::catalogue(), {.now = kNow});
    ASSERT_TRUE(compiled) << file.file << ": "
                          << kql::render(compiled.error().front(), draft->query);
    EXPECT_TRUE(compiled->warnings.empty()) << file.file;
  }
}

TEST(BuiltinQueries, AFileWithoutItsStartIsRefused) {
  EXPECT_FALSE(read_builtin("SecurityAlert"));
  EXPECT_FALSE(read_builtin("// name: x\n"));
  EXPECT_FALSE(read_builtin("// nam: x\nSecurityAlert"));
  const auto draft = read_builtin("// name: x\n// description: y: z\n// tags: a, b\n\nprint 1\n");
  ASSERT_TRUE(draft);
  EXPECT_EQ(draft->description, "y: z");
  EXPECT_EQ(draft->query, "print 1");
}

}  // namespace
}  // namespace hub::saved_queries
