#include "sigma/scanner.h"

#include <algorithm>
#include <array>

#include "base/result.h"

#ifdef VEDETTE_VECTORSCAN
#include <hs.h>
#endif

namespace sigma {
namespace {

// The first bytes of a longer literal tell it well enough.
constexpr std::size_t kLiteralBytes = 48;
// A handful is found as fast without.
constexpr std::size_t kManyLiterals = 16;
constexpr std::size_t kManyRegexes = 2;

#ifdef VEDETTE_VECTORSCAN

constexpr std::size_t kRegexBytes = 1024;

// Vectorscan takes expressions.
std::string quoted(std::string_view literal) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : literal) {
    const auto byte = static_cast<std::uint8_t>(c);
    out += "\\x";
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

// Whether Vectorscan takes an expression for the same as RE2 does, in plain texts: PCRE, whose
// syntax it has, means something else by some escapes, and RE2 folds letters beyond ASCII.
bool means_the_same(std::string_view regex) {
  if (regex.size() > kRegexBytes) return false;
  for (std::size_t i = 0; i < regex.size(); ++i) {
    if (static_cast<std::uint8_t>(regex[i]) >= 0x80) return false;
    if (regex[i] != '\\') continue;
    ++i;
    const char escaped = i < regex.size() ? regex[i] : '\0';
    constexpr std::string_view kSame = "wWdDsSbBAztnrf";
    const bool letter = (escaped >= 'a' && escaped <= 'z') || (escaped >= 'A' && escaped <= 'Z') ||
                        (escaped >= '0' && escaped <= '9');
    if (letter && kSame.find(escaped) == std::string_view::npos) return false;
  }
  return true;
}

// Only in these is a character a byte and an end the end.
bool is_plain(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= 0x20 && c <= 0x7e) || c == '\t'; });
}

constexpr unsigned kRegexFlags = HS_FLAG_PREFILTER | HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY;
// Told again and again where it occurs often, which costs less than to remember what was told.
constexpr unsigned kLiteralFlags = HS_FLAG_CASELESS;

// nullptr: they are not taken, or too much together.
hs_database_t* compile(const std::vector<std::pair<std::string, std::uint32_t>>& expressions,
                       unsigned flags) {
  std::vector<const char*> texts;
  std::vector<unsigned> ids;
  for (const auto& [text, id] : expressions) {
    texts.push_back(text.c_str());
    ids.push_back(id);
  }
  const std::vector<unsigned> all_flags(texts.size(), flags);
  hs_database_t* database = nullptr;
  hs_compile_error_t* error = nullptr;
  const auto status = hs_compile_multi(texts.data(), all_flags.data(), ids.data(),
                                       static_cast<unsigned>(texts.size()), HS_MODE_BLOCK, nullptr,
                                       &database, &error);
  if (error != nullptr) hs_free_compile_error(error);
  return status == HS_SUCCESS ? database : nullptr;
}

int tell(unsigned id, unsigned long long, unsigned long long, unsigned, void* context) {
  static_cast<IdSet*>(context)->insert(id);
  return 0;
}

#endif

}  // namespace

#ifdef VEDETTE_VECTORSCAN

struct Scanner::Database {
  explicit Database(hs_database_t* owned) : handle(owned) {}
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database() { hs_free_database(handle); }

  hs_database_t* handle;
};

ScanScratch::~ScanScratch() {
  if (memory_ != nullptr) hs_free_scratch(static_cast<hs_scratch_t*>(memory_));
}

bool Scanner::has_vectorscan() {
#ifdef __x86_64__
  if (__builtin_cpu_supports("sse4.2") == 0) return false;
#endif
  return hs_valid_platform() == HS_SUCCESS;
}

void Scanner::compile_literals() {
  std::vector<Expression> expressions;
  for (const auto& [literal, id] : literals_)
    expressions.emplace_back(quoted(literal), id);
  if (hs_database_t* made = compile(expressions, kLiteralFlags))
    literal_database_ = std::make_unique<Database>(made);
}

// Those that it does not take alone are left out.
void Scanner::compile_regexes() {
  std::vector<Expression> expressions;
  for (const Expression& regex : regexes_) {
    hs_database_t* alone = means_the_same(regex.first) ? compile({regex}, kRegexFlags) : nullptr;
    if (alone == nullptr) continue;
    hs_free_database(alone);
    expressions.push_back(regex);
  }
  if (expressions.empty()) return;
  hs_database_t* made = compile(expressions, kRegexFlags);
  if (made == nullptr) return;
  regex_database_ = std::make_unique<Database>(made);
  for (const auto& [text, id] : expressions)
    regex_ids_.push_back(id);
}

std::size_t Scanner::bytes() const {
  std::size_t bytes = index_.bytes();
  for (const auto* database : {literal_database_.get(), regex_database_.get()}) {
    std::size_t size = 0;
    if (database != nullptr) hs_database_size(database->handle, &size);
    bytes += size;
  }
  return bytes;
}

void Scanner::prepare(ScanScratch& scratch) const {
  for (const auto* database : {literal_database_.get(), regex_database_.get()}) {
    if (database == nullptr) continue;
    auto* memory = static_cast<hs_scratch_t*>(scratch.memory_);
    const auto status = hs_alloc_scratch(database->handle, &memory);
    scratch.memory_ = memory;
    ASSERT(status == HS_SUCCESS);
  }
}

void Scanner::search(const Database& database, std::string_view text, ScanScratch& scratch,
                     IdSet& found) {
  constexpr std::size_t kMost = std::size_t{1} << 31U;
  const auto size = static_cast<unsigned>(std::min(text.size(), kMost));
  const auto status = hs_scan(database.handle, text.data() == nullptr ? "" : text.data(), size, 0,
                              static_cast<hs_scratch_t*>(scratch.memory_), tell, &found);
  ASSERT(status == HS_SUCCESS);
}

void Scanner::scan(std::string_view text, ScanScratch& scratch, IdSet& found) const {
  if (!literal_database_) {
    index_.scan(text, found);
  } else if (text.size() >= shortest_) {
    search(*literal_database_, text, scratch, found);
  }
  if (!regex_database_) return;
  if (is_plain(text)) return search(*regex_database_, text, scratch, found);
  for (const std::uint32_t id : regex_ids_)
    found.insert(id);
}

#else

struct Scanner::Database {};

ScanScratch::~ScanScratch() = default;

bool Scanner::has_vectorscan() {
  return false;
}

void Scanner::compile_literals() {}
void Scanner::compile_regexes() {}

std::size_t Scanner::bytes() const {
  return index_.bytes();
}

void Scanner::prepare(ScanScratch&) const {}

void Scanner::scan(std::string_view text, ScanScratch&, IdSet& found) const {
  index_.scan(text, found);
}

#endif

ScanScratch::ScanScratch() = default;

Scanner::Scanner() = default;
Scanner::~Scanner() = default;
Scanner::Scanner(Scanner&&) noexcept = default;
Scanner& Scanner::operator=(Scanner&&) noexcept = default;

void Scanner::add(std::string_view literal, std::uint32_t id) {
  ASSERT(!literal.empty());
  literals_.emplace_back(literal.substr(0, kLiteralBytes), id);
}

void Scanner::add_regex(std::string_view regex, std::uint32_t id) {
  regexes_.emplace_back(regex, id);
}

void Scanner::build(Engine engine) {
  const auto gains = [engine](std::size_t count, std::size_t many) {
    return count > 0 &&
           (engine == Engine::Vectorscan || (engine == Engine::Fastest && count >= many)) &&
           has_vectorscan();
  };
  if (gains(literals_.size(), kManyLiterals)) compile_literals();
  if (gains(regexes_.size(), kManyRegexes)) compile_regexes();
  for (const auto& [regex, id] : regexes_) {
    if (std::ranges::find(regex_ids_, id) == regex_ids_.end()) unwatched_.push_back(id);
  }
  for (const auto& [literal, id] : literals_) {
    shortest_ = std::min(shortest_, literal.size());
    if (!literal_database_) index_.add(literal, id);
  }
  if (!literal_database_) index_.build();
  empty_ = literals_.empty() && regex_ids_.empty();
  literals_ = {};
  regexes_ = {};
}

}  // namespace sigma
