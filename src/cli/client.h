#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "cli/failure.h"
#include "cli/settings.h"

namespace cli {

struct Answer {
  unsigned status = 0;
  std::string body;
};

// Speaks HTTPS with one hub; the connection is kept between calls.
//
// The hub's certificate must be signed by the authority of `ca_file` (or one of the system's) and
// name the host of the URL. Threads: one.
class Client {
 public:
  // Errors: Usage (the CA file), Auth (no connection string).
  static Outcome<Client> open(Settings settings);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;

  using Headers = std::vector<std::pair<std::string, std::string>>;

  // One request below /api/v1. Errors: Unreachable (no connection, untrusted, no answer in time).
  Outcome<Answer> send(std::string_view method, std::string_view path, std::string_view body = {},
                       const Headers& headers = {},
                       std::chrono::seconds timeout = std::chrono::seconds(60));

  // The same for answers that are large or have no end: gives the body to `sink` as it comes, as
  // long as that answers true. The body of a refusal is in the answer instead. Without `keep_alive`
  // of the hub's for `timeout` it ends. Errors: Unreachable (also when the answer breaks off).
  using BodySink = std::function<bool(std::string_view)>;
  Outcome<Answer> download(std::string_view method, std::string_view path, std::string_view body,
                           const BodySink& sink, std::chrono::seconds timeout);

  // The same, and its JSON: what the hub refused becomes a failure with its message. 204 is null.
  Outcome<base::json::Value> call(std::string_view method, std::string_view path,
                                  std::string_view body = {}, const Headers& headers = {});

 private:
  struct State;
  explicit Client(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// The failure that an answer of 400 or more stands for.
Failure failure_of(const Answer& answer);

}  // namespace cli
