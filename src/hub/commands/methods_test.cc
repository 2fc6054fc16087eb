#include "hub/commands/methods.h"

#include <future>

#include "hub/commands/commands_testing.h"

namespace hub::commands {
namespace {

using base::Code;
using operations::Category;
using std::chrono::seconds;

class MethodsTest : public CommandsTest {
 protected:
  MethodsTest() {
    options_.wall_now = [this] { return now(); };
    options_.mono_now = [this] { return mono_now(); };
    options_.max_waiting_per_device = 2;
    methods_ = std::make_unique<Methods>(options_, *registry_, operations_);
  }
  ~MethodsTest() override { methods_.reset(); }

  static MethodCall call(const identity::Name& to, seconds connect = seconds(0)) {
    MethodCall call;
    call.to = to;
    call.method = "reboot";
    call.payload = R"({"delay":1})";
    call.connect_timeout = connect;
    call.response_timeout = seconds(30);
    return call;
  }
  std::future<base::Result<MethodAnswer>> invoke(MethodCall call) {
    auto promise = std::make_shared<std::promise<base::Result<MethodAnswer>>>();
    auto future = promise->get_future();
    methods_->invoke(std::move(call), [promise](base::Result<MethodAnswer> answer) {
      promise->set_value(std::move(answer));
    });
    return future;
  }
  std::uint64_t serve(const identity::Name& name) {
    return methods_->serve(name,
                           [this](const MethodRequest& request) { requests_.push_back(request); });
  }
  bool answer(const identity::Name& name, int status, std::string_view payload) {
    return methods_->answer(name, requests_.back().request_id, status, payload, {});
  }
  static bool ready(const std::future<base::Result<MethodAnswer>>& future) {
    return future.wait_for(seconds(0)) == std::future_status::ready;
  }
  void pass(std::chrono::milliseconds time) {
    mono_ += time.count();
    methods_->expire();
  }

  MethodOptions options_;
  std::vector<MethodRequest> requests_;
  std::unique_ptr<Methods> methods_;
};

TEST_F(MethodsTest, GoToTheDeviceAndBack) {
  serve(kDevice);
  auto future = invoke(call(kDevice));
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].method, "reboot");
  EXPECT_EQ(requests_[0].payload, R"({"delay":1})");
  mono_ += 20;
  // Nobody else's answer.
  EXPECT_FALSE(answer(kOther, 200, "{}"));
  EXPECT_FALSE(ready(future));
  EXPECT_TRUE(answer(kDevice, 404, R"({"ok":false})"));
  const MethodAnswer answered = future.get().value();
  EXPECT_EQ(answered.status, 404);
  EXPECT_EQ(answered.payload, R"({"ok":false})");
  EXPECT_FALSE(answer(kDevice, 200, "{}"));
  EXPECT_EQ(methods_->counters().unasked.value(), 2U);
  const auto record = operations_.recent(1)[0];
  EXPECT_EQ(record.category, Category::DirectMethods);
  EXPECT_EQ(record.operation, "invoke");
  EXPECT_EQ(record.status_code, 200);
  EXPECT_EQ(record.detail, "reboot: 404");
  EXPECT_EQ(record.bytes, 23U);
  EXPECT_EQ(record.meter_units, 2U);
  EXPECT_EQ(record.duration, std::chrono::milliseconds(20));
}

TEST_F(MethodsTest, FailWhereNobodyServes) {
  EXPECT_EQ(invoke(call(kDevice)).get().error().code, Code::Closed);
  EXPECT_EQ(invoke(call({"nobody", ""})).get().error().code, Code::NotFound);
  const std::uint64_t served = serve(kDevice);
  methods_->leave(kDevice, served + 1);
  auto future = invoke(call(kDevice));
  EXPECT_FALSE(ready(future));
  methods_->leave(kDevice, served);
  EXPECT_EQ(invoke(call(kDevice)).get().error().code, Code::Closed);
  // It may come back and answer.
  EXPECT_TRUE(answer(kDevice, 200, ""));
  EXPECT_TRUE(future.get().has_value());
  EXPECT_EQ(recorded(Category::DirectMethods),
            (std::vector<std::string>{"invoke 404 404103 not_online", "invoke 404 404001 unknown",
                                      "invoke 404 404103 not_online", "invoke 200"}));
}

TEST_F(MethodsTest, WaitForTheDeviceToCome) {
  auto future = invoke(call(kDevice, seconds(10)));
  pass(seconds(10) - std::chrono::milliseconds(1));
  EXPECT_FALSE(ready(future));
  serve(kDevice);
  ASSERT_EQ(requests_.size(), 1U);
  // From now on it is the answer that is waited for.
  pass(seconds(30) - std::chrono::milliseconds(1));
  EXPECT_FALSE(ready(future));
  EXPECT_TRUE(answer(kDevice, 200, "1"));
  EXPECT_TRUE(future.get().has_value());
}

TEST_F(MethodsTest, EndInTime) {
  auto absent = invoke(call(kOther, seconds(10)));
  pass(seconds(10));
  EXPECT_EQ(absent.get().error().code, Code::Closed);
  serve(kDevice);
  auto silent = invoke(call(kDevice));
  pass(seconds(30));
  EXPECT_EQ(silent.get().error().code, Code::Expired);
  EXPECT_FALSE(answer(kDevice, 200, "1"));
  EXPECT_EQ(
      recorded(Category::DirectMethods),
      (std::vector<std::string>{"invoke 404 404103 not_online", "invoke 504 504101 no_answer"}));
}

TEST_F(MethodsTest, RefuseWhatIsNotAcceptable) {
  serve(kDevice);
  const auto refused = [this](auto change) {
    MethodCall wanted = call(kDevice);
    change(wanted);
    return invoke(std::move(wanted)).get().error().code;
  };
  EXPECT_EQ(refused([](MethodCall& c) { c.method = ""; }), Code::Invalid);
  EXPECT_EQ(refused([](MethodCall& c) { c.method = "a/b"; }), Code::Invalid);
  EXPECT_EQ(refused([](MethodCall& c) { c.method = "#"; }), Code::Invalid);
  EXPECT_EQ(refused([](MethodCall& c) { c.method = "\xFF"; }), Code::Invalid);
  EXPECT_EQ(refused([](MethodCall& c) { c.method.assign(101, 'a'); }), Code::Invalid);
  EXPECT_EQ(refused([](MethodCall& c) { c.response_timeout = seconds(4); }), Code::Invalid);
  EXPECT_EQ(refused([](MethodCall& c) { c.response_timeout = seconds(301); }), Code::Invalid);
  EXPECT_EQ(refused([](MethodCall& c) { c.connect_timeout = seconds(301); }), Code::Invalid);
  EXPECT_EQ(refused([](MethodCall& c) { c.payload.assign((128 << 10) + 1, ' '); }), Code::TooLarge);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(MethodsTest, RefuseAnswersThatCannotBePassedOn) {
  serve(kDevice);
  auto no_json = invoke(call(kDevice));
  EXPECT_TRUE(answer(kDevice, 200, "{"));
  EXPECT_EQ(no_json.get().error().code, Code::Malformed);
  auto large = invoke(call(kDevice));
  EXPECT_TRUE(answer(kDevice, 200, std::string((128 << 10) + 1, ' ')));
  EXPECT_EQ(large.get().error().code, Code::Malformed);
}

TEST_F(MethodsTest, AreLimited) {
  serve(kDevice);
  auto first = invoke(call(kDevice));
  auto second = invoke(call(kDevice));
  EXPECT_EQ(invoke(call(kDevice)).get().error().code, Code::Full);
  EXPECT_TRUE(answer(kDevice, 200, ""));
  auto third = invoke(call(kDevice));
  EXPECT_FALSE(ready(third));
  methods_->stop();
  EXPECT_EQ(first.get().error().code, Code::Unavailable);
  EXPECT_TRUE(second.get().has_value());
  EXPECT_EQ(third.get().error().code, Code::Unavailable);
  EXPECT_EQ(invoke(call(kDevice)).get().error().code, Code::Unavailable);
}

TEST_F(MethodsTest, EndByThemselves) {
  // With the real clock: the methods' own thread does it.
  MethodOptions options;
  options.least_response_timeout = seconds(0);
  Methods methods(options, *registry_, operations_);
  methods.serve(kDevice, [](const MethodRequest&) {});
  MethodCall brief = call(kDevice);
  brief.response_timeout = std::chrono::milliseconds(1);
  EXPECT_EQ(methods.invoke(brief).error().code, Code::Expired);
}

}  // namespace
}  // namespace hub::commands
