// Sigma: no text may break the parser, and what it takes can be compiled, filtered, matched and
// correlated.
#include "base/bytes.h"
#include "sigma/library.h"

namespace {

template <class Item>
schema::Event event_with(Item item) {
  schema::Event event;
  event.payload = schema::payload_of(std::move(item));
  return event;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sigma::LibraryBuilder builder({{"admins", {"root", "a*"}}, {"none", {}}});
  builder.add("fuzz", base::as_text({data, size}));
  sigma::Library library = std::move(builder).build();
  sigma::RuleSet::Scratch scratch;
  std::vector<sigma::Hit> hits;
  for (const schema::Event& event :
       {event_with(schema::ProcessCreate{.executable = "/usr/bin/a",
                                         .user_name = "root",
                                         .command_line = "a -x foo bar 10.1.2.3"}),
        event_with(schema::AuditRecord{
            .record_type = "EXECVE",
            .record = "arch=c000003e syscall=59 a0=\"x\" a1=2B73 key=(null) msg='op=a'"})})
    library.rules.match(event, 0, scratch, hits);
  sigma::Record record(sigma::Source::command());
  record.add(sigma::command_field(shell::Field::Program), "curl");
  record.add(sigma::command_field(shell::Field::Option), "-o");
  record.add(sigma::command_field(shell::Field::Option), "-\xff");
  library.rules.match(record, scratch, hits);
  for (const sigma::Rule* rule : library.rules.rules())
    library.rules.explain(rule->id, record, scratch);
  std::vector<sigma::Firing> firings;
  std::int64_t second = 0;
  for (const sigma::Rule* rule : library.rules.rules()) {
    // Times that jump, some of them back.
    second += rule->title.empty() ? 1 : static_cast<unsigned char>(rule->title.back()) - 80;
    const base::WallTime time{std::chrono::seconds(1'790'000'000 + second)};
    library.correlator.observe(
        rule->id, {time, time},
        [&](std::string_view field) -> std::optional<std::string> {
          return std::to_string(field.size() + rule->title.size());
        },
        firings);
  }
  library.correlator.advance(base::WallTime{std::chrono::seconds(1'900'000'000)}, firings);
  return 0;
}
