#include "audit/rules.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <linux/audit.h>
#include <sys/socket.h>

namespace audit {

using base::Code;
using base::Cursor;
using base::fail;
using base::Result;

namespace {

constexpr std::size_t kMaskWords = AUDIT_BITMASK_SIZE;
constexpr std::size_t kMaxFields = AUDIT_MAX_FIELDS;
constexpr std::uint32_t kWordBits = 32;
// Calls of socketcall(2). Source: linux/net.h.
constexpr std::uint32_t kCallConnect = 3;
constexpr std::uint32_t kCallAccept = 5;
constexpr std::uint32_t kCallAccept4 = 18;
constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr auto kInProgress = static_cast<std::uint32_t>(-EINPROGRESS);

// Numbers of system calls by architecture, as AUDIT_ARCH_* names it. Source: the kernel's tables.
struct Abi {
  std::uint32_t arch;
  std::uint32_t execve;
  std::uint32_t execveat;
  std::uint32_t connect;
  std::uint32_t accept;
  std::uint32_t accept4;
  std::uint32_t socketcall;
  std::uint32_t socket;
};
constexpr std::array<Abi, 6> kAbis = {{
    {AUDIT_ARCH_X86_64, 59, 322, 42, 43, 288, kNone, 41},
    {AUDIT_ARCH_I386, 11, 358, 362, kNone, 364, 102, 359},
    {AUDIT_ARCH_AARCH64, 221, 281, 203, 202, 242, kNone, 198},
    {AUDIT_ARCH_ARM, 11, 387, 283, 285, 366, kNone, 281},
    {AUDIT_ARCH_RISCV64, 221, 281, 203, 202, 242, kNone, 198},
    {AUDIT_ARCH_RISCV32, 221, 281, 203, 202, 242, kNone, 198},
}};

#if defined(__x86_64__) || defined(__i386__)
constexpr std::array<std::uint32_t, 2> kNative = {AUDIT_ARCH_X86_64, AUDIT_ARCH_I386};
#elif defined(__aarch64__) || defined(__arm__)
constexpr std::array<std::uint32_t, 2> kNative = {AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM};
#elif defined(__riscv)
constexpr std::array<std::uint32_t, 2> kNative = {AUDIT_ARCH_RISCV64, AUDIT_ARCH_RISCV32};
#else
constexpr std::array<std::uint32_t, 0> kNative = {};
#endif

// Fields whose value is the length of a text behind the rule. Source: auditfilter.c.
bool is_text(std::uint32_t field) {
  return field == AUDIT_WATCH || field == AUDIT_DIR || field == AUDIT_FILTERKEY ||
         field == AUDIT_EXE || (field >= AUDIT_SUBJ_USER && field <= AUDIT_SUBJ_CLR) ||
         (field >= AUDIT_OBJ_USER && field <= AUDIT_OBJ_LEV_HIGH);
}

const Abi* abi_of(std::uint32_t arch) {
  const auto* const found = std::ranges::find(kAbis, arch, &Abi::arch);
  return found == kAbis.end() ? nullptr : &*found;
}

Rule exit_rule(std::uint32_t arch, std::vector<std::uint32_t> syscalls) {
  std::erase(syscalls, kNone);
  std::ranges::sort(syscalls);
  return {.list = AUDIT_FILTER_EXIT,
          .action = AUDIT_ALWAYS,
          .syscalls = std::move(syscalls),
          .matches = {{AUDIT_ARCH, AUDIT_EQUAL, arch}}};
}

Rule closed(Rule rule, std::uint32_t self) {
  rule.matches.push_back({AUDIT_PID, AUDIT_NOT_EQUAL, self});
  rule.matches.push_back({AUDIT_FILTERKEY, AUDIT_EQUAL, 0, std::string(kKey)});
  return rule;
}

Rule with(Rule rule, std::initializer_list<Rule::Match> matches) {
  rule.matches.insert(rule.matches.end(), matches);
  return rule;
}

std::vector<Rule> connection_rules_of(const Abi& abi, std::uint32_t self) {
  const Rule connect = exit_rule(abi.arch, {abi.connect});
  const Rule::Match succeeded{AUDIT_SUCCESS, AUDIT_EQUAL, 1};
  const Rule::Match on_its_way{AUDIT_EXIT, AUDIT_EQUAL, kInProgress};
  // Programs of the name service and the bus connect to unix sockets all day.
  const Rule::Match no_unix{AUDIT_SADDR_FAM, AUDIT_NOT_EQUAL, AF_UNIX};
  std::vector<Rule> rules = {
      closed(with(connect, {succeeded, no_unix}), self),
      closed(with(connect, {on_its_way, no_unix}), self),
      closed(with(exit_rule(abi.arch, {abi.accept, abi.accept4}), {succeeded}), self)};
  // Which protocol a connection has, only the making of its socket says.
  for (const std::uint32_t family : {std::uint32_t{AF_INET}, std::uint32_t{AF_INET6}}) {
    rules.push_back(closed(
        with(exit_rule(abi.arch, {abi.socket}), {{AUDIT_ARG0, AUDIT_EQUAL, family}, succeeded}),
        self));
  }
  if (abi.socketcall == kNone) return rules;
  const Rule call = exit_rule(abi.arch, {abi.socketcall});
  const auto which = [](std::uint32_t number) {
    return Rule::Match{AUDIT_ARG0, AUDIT_EQUAL, number};
  };
  rules.push_back(closed(with(call, {which(kCallConnect), succeeded, no_unix}), self));
  rules.push_back(closed(with(call, {which(kCallConnect), on_its_way, no_unix}), self));
  rules.push_back(closed(with(call, {which(kCallAccept), succeeded}), self));
  rules.push_back(closed(with(call, {which(kCallAccept4), succeeded}), self));
  return rules;
}

Result<std::vector<std::uint32_t>> read_words(Cursor& cursor, std::size_t count) {
  std::vector<std::uint32_t> words(count);
  for (std::uint32_t& word : words)
    word = TRY(cursor.u32le());
  return words;
}

}  // namespace

std::string_view Rule::key() const {
  const auto found = std::ranges::find(matches, std::uint32_t{AUDIT_FILTERKEY}, &Match::field);
  return found == matches.end() ? std::string_view() : found->text;
}

std::optional<std::uint32_t> Rule::value(std::uint32_t field) const {
  const auto found = std::ranges::find(matches, field, &Match::field);
  if (found == matches.end()) return std::nullopt;
  return found->value;
}

base::ByteVec write_rule(const Rule& rule) {
  ASSERT(rule.matches.size() <= kMaxFields);
  std::array<std::uint32_t, kMaskWords> mask{};
  for (const std::uint32_t number : rule.syscalls) {
    ASSERT(number < kMaskWords * kWordBits);
    mask[number / kWordBits] |= 1U << (number % kWordBits);
  }
  const auto column = [&](base::ByteWriter& out, auto&& value_of) {
    for (std::size_t i = 0; i < kMaxFields; ++i)
      out.u32le(i < rule.matches.size() ? value_of(rule.matches[i]) : 0);
  };
  std::string texts;
  base::ByteWriter out;
  out.u32le(rule.list);
  out.u32le(rule.action);
  out.u32le(static_cast<std::uint32_t>(rule.matches.size()));
  for (const std::uint32_t word : mask)
    out.u32le(word);
  column(out, [](const Rule::Match& match) { return match.field; });
  column(out, [&](const Rule::Match& match) {
    if (!is_text(match.field)) return match.value;
    texts += match.text;
    return static_cast<std::uint32_t>(match.text.size());
  });
  column(out, [](const Rule::Match& match) { return match.op; });
  out.u32le(static_cast<std::uint32_t>(texts.size()));
  out.text(texts);
  return std::move(out).take();
}

Result<Rule> read_rule(base::ByteView bytes) {
  Cursor cursor(bytes);
  Rule rule;
  rule.list = TRY(cursor.u32le());
  rule.action = TRY(cursor.u32le());
  const std::uint32_t count = TRY(cursor.u32le());
  if (count > kMaxFields) return fail(Code::Malformed, "audit rule's fields");
  const std::vector<std::uint32_t> mask = TRY(read_words(cursor, kMaskWords));
  const std::vector<std::uint32_t> fields = TRY(read_words(cursor, kMaxFields));
  const std::vector<std::uint32_t> values = TRY(read_words(cursor, kMaxFields));
  const std::vector<std::uint32_t> ops = TRY(read_words(cursor, kMaxFields));
  Cursor texts = TRY(cursor.sub(TRY(cursor.u32le())));
  for (std::uint32_t number = 0; number < kMaskWords * kWordBits; ++number) {
    if ((mask[number / kWordBits] & (1U << (number % kWordBits))) != 0)
      rule.syscalls.push_back(number);
  }
  for (std::size_t i = 0; i < count; ++i) {
    Rule::Match match{fields[i], ops[i], values[i]};
    if (is_text(match.field)) {
      match.text = base::as_text(TRY(texts.bytes(std::exchange(match.value, 0))));
    }
    rule.matches.push_back(std::move(match));
  }
  return rule;
}

std::vector<Rule> exec_rules(std::uint32_t self) {
  std::vector<Rule> rules;
  for (const std::uint32_t arch : kNative) {
    const Abi& abi = *abi_of(arch);
    rules.push_back(
        closed(with(exit_rule(arch, {abi.execve, abi.execveat}), {{AUDIT_SUCCESS, AUDIT_EQUAL, 1}}),
               self));
  }
  return rules;
}

std::vector<Rule> connection_rules(std::uint32_t self) {
  std::vector<Rule> rules;
  for (const std::uint32_t arch : kNative) {
    for (Rule& rule : connection_rules_of(*abi_of(arch), self))
      rules.push_back(std::move(rule));
  }
  return rules;
}

std::vector<Rule> path_rules(std::uint32_t self, const std::string& path, PathKind kind,
                             bool execute) {
  std::uint32_t permissions = AUDIT_PERM_WRITE | AUDIT_PERM_ATTR;
  if (execute) permissions |= AUDIT_PERM_EXEC;
  const std::uint32_t field = kind == PathKind::Folder ? AUDIT_DIR : AUDIT_WATCH;
  // A field of permissions names the system calls, for every architecture.
  Rule rule{.list = AUDIT_FILTER_EXIT,
            .action = AUDIT_ALWAYS,
            .syscalls = {},
            .matches = {{field, AUDIT_EQUAL, 0, path},
                        {AUDIT_PERM, AUDIT_EQUAL, permissions},
                        {AUDIT_SUCCESS, AUDIT_EQUAL, 1}}};
  for (std::uint32_t number = 0; number < kMaskWords * kWordBits; ++number)
    rule.syscalls.push_back(number);
  return {closed(std::move(rule), self)};
}

Silences silences(const Rule& rule) {
  if (rule.action != AUDIT_NEVER) return Silences::Nothing;
  const std::uint32_t list = rule.list & ~std::uint32_t{AUDIT_FILTER_PREPEND};
  if (list != AUDIT_FILTER_TASK && list != AUDIT_FILTER_EXIT) return Silences::Nothing;
  const bool always = rule.matches.empty() || (rule.matches.size() == 1 && !rule.key().empty());
  const bool every = list == AUDIT_FILTER_TASK || rule.syscalls.size() == kMaskWords * kWordBits;
  return always && every ? Silences::All : Silences::Some;
}

Activity activity_of(std::uint32_t arch, std::uint64_t syscall, std::uint64_t first_argument) {
  const Abi* const abi = abi_of(arch);
  if (abi == nullptr || syscall == kNone) return Activity::Other;
  if (syscall == abi->execve || syscall == abi->execveat) return Activity::Exec;
  if (syscall == abi->connect) return Activity::Connect;
  if (syscall == abi->socket) return Activity::Socket;
  if (syscall == abi->accept || syscall == abi->accept4) return Activity::Accept;
  if (syscall != abi->socketcall) return Activity::Other;
  if (first_argument == kCallConnect) return Activity::Connect;
  if (first_argument == kCallAccept || first_argument == kCallAccept4) return Activity::Accept;
  return Activity::Other;
}

}  // namespace audit
