#include "hub/egress/forwards.h"

#include "base/log.h"

namespace hub::egress {

using base::Result;

namespace {

Result<Offset> first_offset(const ForwardSettings& settings, CursorTable& cursors,
                            const ingest::Ingest& ingest) {
  const Offset latest = Feed::latest(ingest);
  const auto saved = TRY(cursors.find(settings.name));
  if (saved && *saved <= latest) return *saved;
  if (saved) {
    // Another journal than it knew. Its own position says nothing there.
    LOG_WARNING("egress.cursor_ahead")
        .field("forward", settings.name)
        .field("offset", saved->to_string());
    return Feed::earliest(ingest);
  }
  return settings.from_start ? Feed::earliest(ingest) : latest;
}

}  // namespace

Forwards::Forwards(CursorTable cursors) : cursors_(std::move(cursors)) {}

Forwards::~Forwards() {
  stop();
}

Result<std::unique_ptr<Forwards>> Forwards::start(std::vector<ForwardSettings> settings,
                                                  const std::string& state_file,
                                                  ingest::Ingest& ingest,
                                                  operations::Operations& operations) {
  auto cursors = TRY(CursorTable::open(state_file));
  std::unique_ptr<Forwards> forwards(new Forwards(std::move(cursors)));
  for (ForwardSettings& each : settings) {
    auto target = each.type == ForwardType::Webhook ? make_webhook(each) : make_file(each);
    if (!target) {
      base::Error error = std::move(target.error());
      error.detail = "forward." + each.name + ": " + error.detail;
      return std::unexpected(std::move(error));
    }
    const Offset from = TRY(first_offset(each, forwards->cursors_, ingest));
    // Noted at once, so that a new one misses nothing from here on.
    TRY(forwards->cursors_.save(each.name, from));
    forwards->forwarders_.push_back(std::make_unique<Forwarder>(
        std::move(each), std::move(*target), ingest, forwards->cursors_, operations, from));
  }
  return forwards;
}

void Forwards::stop() {
  for (const auto& forwarder : forwarders_)
    forwarder->stop();
}

std::vector<ForwardState> Forwards::states() const {
  std::vector<ForwardState> states;
  for (const auto& forwarder : forwarders_)
    states.push_back(forwarder->state());
  return states;
}

}  // namespace hub::egress
