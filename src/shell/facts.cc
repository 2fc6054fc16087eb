#include "shell/facts.h"

#include <algorithm>

#include "shell/address.h"
#include "shell/decode.h"

namespace shell {
namespace {

class Facts {
 public:
  Facts(const Parsed& parsed, Table& table, Arena& arena)
      : parsed_(parsed), arguments_(parsed.arguments), table_(table), arena_(arena) {}

  void add() {
    for (const Word& word : parsed_.words.subspan(std::min<std::size_t>(1, parsed_.words.size()))) {
      add_addresses(parsed_.command, word.text, table_, arena_);
      add_sent(word.text);
    }
    if (takes_hosts(parsed_.program)) add_hosts();
    add_written();
    add_downloads();
  }

 private:
  std::string_view path(std::string_view text) { return resolve(text, parsed_.place, arena_); }
  void writes(std::string_view text) {
    if (text.empty() || text == "-") return;
    table_.add_new(parsed_.command, Field::Writes, path(text));
  }
  void downloads(std::string_view text) {
    if (text.empty() || text == "-") return;
    table_.add_new(parsed_.command, Field::DownloadsTo, path(text));
    writes(text);
  }
  void address(std::string_view host) {
    host = normal_host(host, arena_);
    if (host.empty()) return;
    const auto known = table_.values(parsed_.command, Field::Address);
    if (std::ranges::find(known, host) != known.end()) return;
    table_.add(parsed_.command, Field::Address, host);
  }

  // name=@file, @file, if=file.
  void add_sent(std::string_view word) {
    if (word.starts_with("if="))
      word = word.substr(3);
    else if (const std::size_t at = word.find('@');
             at != std::string_view::npos && (at == 0 || word[at - 1] == '='))
      word = word.substr(at + 1);
    else
      return;
    word = word.substr(0, word.find(';'));
    if (!word.empty()) table_.add_new(parsed_.command, Field::Reads, path(word));
  }

  void add_hosts() {
    for (const Word* word : arguments_.operands()) {
      std::string_view host = word->text;
      if (const std::size_t at = host.rfind('@'); at != std::string_view::npos)
        host.remove_prefix(at + 1);
      if (looks_like_domain(host) || host == "localhost" || is_ip(host)) address(host);
    }
  }

  // `folder/NAME` where the operand is a folder.
  void add_copies() {
    const auto& operands = arguments_.operands();
    const auto target = arguments_.value({"-t", "--target-directory"});
    const std::size_t sources = operands.size() - (target || operands.empty() ? 0 : 1);
    if (parsed_.program == "install" && arguments_.has("-d")) return;
    if (sources == 0) {
      if (files_of(parsed_.program) == Files::Links && !operands.empty())
        writes(base_name(operands.front()->text));
      return;
    }
    const std::string_view to = target.value_or(operands.back()->text);
    const std::string_view resolved = path(to);
    const bool folder = target.has_value() || sources > 1 || to.ends_with('/') || to == "." ||
                        to == ".." || is_usual_folder(resolved);
    if (!folder || arguments_.has("-T")) {
      writes(to);
      return;
    }
    for (std::size_t i = 0; i < sources; ++i)
      writes(join(resolved, base_name(operands[i]->text), arena_));
  }

  void add_written() {
    const auto& operands = arguments_.operands();
    switch (files_of(parsed_.program)) {
      case Files::Copies:
      case Files::Links:
        add_copies();
        break;
      case Files::Tee:
      case Files::All: {
        const bool appends = arguments_.has("-a") || arguments_.has("--append");
        for (const Word* word : operands) {
          writes(word->text);
          if (appends && parsed_.program == "tee")
            table_.add_new(parsed_.command, Field::Appends, path(word->text));
        }
        break;
      }
      case Files::Dd:
        for (const Word* word : operands) {
          if (word->text.starts_with("of=")) writes(word->text.substr(3));
        }
        break;
      case Files::SedLike:
        if (edits_in_place())
          for (const Word* word : operands)
            if (looks_like_path(word->text)) writes(word->text);
        break;
      case Files::Last:
      case Files::None:
        break;
    }
    if (const auto out = arguments_.value({"-out", "--output"}); out && !is_fetcher()) writes(*out);
    if (const auto out = arguments_.value({"-o"}); out && writes_with_o()) writes(*out);
  }

  bool is_fetcher() const { return fetcher_of(parsed_.program) != Fetcher::None; }
  bool writes_with_o() const {
    return std::ranges::any_of(
        std::initializer_list<std::string_view>{"gcc", "cc", "c++", "g++", "clang", "clang++",
                                                "tcc", "ld", "gpg", "gpg2", "sort", "as", "age",
                                                "rustc"},
        [this](std::string_view name) { return parsed_.program == name; });
  }
  bool edits_in_place() const {
    return std::ranges::any_of(parsed_.words, [](const Word& word) {
      return word.text.starts_with("-i") || word.text == "-pi" || word.text.starts_with("-pi.") ||
             word.text.starts_with("--in-place");
    });
  }

  std::string_view url_file(std::string_view otherwise) const {
    const auto urls = table_.values(parsed_.command, Field::Url);
    if (urls.empty()) return {};
    auto url = find_url(urls.front());
    if (!url) url = read_bare_url(urls.front());
    if (!url) return {};
    const std::string_view name = base_name(url->path);
    return name.empty() ? otherwise : name;
  }

  // Addresses without a scheme, for those that take them so.
  void add_bare_urls() {
    if (!table_.values(parsed_.command, Field::Url).empty()) return;
    for (const Word* word : arguments_.operands()) {
      const auto url = read_bare_url(word->text);
      if (!url) continue;
      table_.add(parsed_.command, Field::Url, url->text);
      table_.add_new(parsed_.command, Field::UrlHost, normal_host(url->host, arena_));
      address(url->host);
    }
  }

  void add_downloads() {
    switch (fetcher_of(parsed_.program)) {
      case Fetcher::Wget: {
        add_bare_urls();
        const auto to = arguments_.value({"-O", "--output-document"});
        const auto folder = arguments_.value({"-P", "--directory-prefix"});
        if (to)
          downloads(*to);
        else if (!arguments_.has("--spider"))
          downloads(folder ? join(*folder, url_file("index.html"), arena_)
                           : url_file("index.html"));
        break;
      }
      case Fetcher::Curl: {
        add_bare_urls();
        const auto folder = arguments_.value({"--output-dir"});
        std::string_view to = arguments_.value({"-o", "--output"}).value_or("");
        if (to.empty() && (arguments_.has("-O") || arguments_.has("--remote-name") ||
                           arguments_.has("--remote-name-all")))
          to = url_file("");
        downloads(folder && !to.empty() ? join(*folder, to, arena_) : to);
        break;
      }
      case Fetcher::Named: {
        add_bare_urls();
        const auto to = arguments_.value({"-o", "--out", "--output"});
        const auto folder = arguments_.value({"-d", "--dir"});
        const std::string_view name = to.value_or(url_file(""));
        downloads(folder && !name.empty() ? join(*folder, name, arena_) : name);
        break;
      }
      case Fetcher::Copy:
        add_copied();
        break;
      case Fetcher::Tftp:
      case Fetcher::Ftpget:
        add_ftp();
        break;
      case Fetcher::Git:
        add_clone();
        break;
      case Fetcher::Printer:
        add_bare_urls();
        break;
      case Fetcher::Net:
      case Fetcher::None:
        add_code_downloads();
        break;
    }
  }

  // host:path to here, or from here.
  void add_copied() {
    const auto& operands = arguments_.operands();
    for (const Word* word : operands) {
      if (const std::string_view host = remote_host(word->text); !host.empty()) address(host);
    }
    if (operands.size() < 2) return;
    const std::string_view from = operands.front()->text;
    const std::string_view to = operands.back()->text;
    if (remote_host(from).empty() || !remote_host(to).empty()) return;
    const std::string_view resolved = path(to);
    const bool folder = to.ends_with('/') || to == "." || is_usual_folder(resolved);
    table_.add_new(parsed_.command, Field::Url, from);
    downloads(folder ? join(resolved, base_name(from.substr(from.find(':') + 1)), arena_) : to);
  }
  static std::string_view remote_host(std::string_view word) {
    const std::size_t colon = word.find(':');
    if (colon == std::string_view::npos || colon == 0 || word.starts_with('/') ||
        word.starts_with('.'))
      return {};
    std::string_view host = word.substr(0, colon);
    if (const std::size_t at = host.rfind('@'); at != std::string_view::npos)
      host.remove_prefix(at + 1);
    return host.find('/') == std::string_view::npos ? host : std::string_view();
  }

  // tftp -g -r REMOTE [-l LOCAL] HOST; ftpget HOST [LOCAL] REMOTE; tftp HOST -c get REMOTE.
  void add_ftp() {
    const auto& operands = arguments_.operands();
    const bool tftp = fetcher_of(parsed_.program) == Fetcher::Tftp;
    std::string_view file;
    if (tftp) {
      file = arguments_.value({"-l"}).value_or(arguments_.value({"-r"}).value_or(""));
      for (std::size_t i = 0; i + 1 < parsed_.words.size() && file.empty(); ++i) {
        if (parsed_.words[i].text == "get") file = base_name(parsed_.words.back().text);
      }
      if (arguments_.has("-p")) file = {};
    } else if (operands.size() > 1) {
      file = operands[1]->text;
    }
    downloads(file);
  }

  void add_clone() {
    const auto& operands = arguments_.operands();
    if (operands.size() < 2 || operands.front()->text != "clone") return;
    if (operands.size() > 2) {
      downloads(operands[2]->text);
      return;
    }
    std::string_view name = base_name(operands[1]->text);
    if (name.ends_with(".git")) name.remove_suffix(4);
    downloads(name);
  }

  // urlretrieve('http://...', '/tmp/x') and the like in code: the text after the address.
  void add_code_downloads() {
    const std::string_view code = table_.value(parsed_.command, Field::InlineCode);
    if (code.empty()) return;
    const std::size_t call = std::min({code.find("urlretrieve"), code.find("getstore"),
                                       code.find("copy("), code.find("download(")});
    if (call == std::string_view::npos) return;
    const auto url = find_url(code.substr(call));
    if (!url) return;
    std::string_view rest(url->text.data() + url->text.size(),
                          static_cast<std::size_t>(code.data() + code.size() -
                                                   (url->text.data() + url->text.size())));
    if (rest.empty()) return;
    const char quote = rest.front();
    if (quote != '\'' && quote != '"') return;
    rest.remove_prefix(1);
    const std::size_t begin = rest.find(quote);
    if (begin == std::string_view::npos) return;
    downloads(rest.substr(begin + 1, rest.find(quote, begin + 1) - begin - 1));
  }

  const Parsed& parsed_;
  const Arguments& arguments_;
  Table& table_;
  Arena& arena_;
};

// TCP:host:port of socat, /dev/tcp/host/port of bash.
std::string_view host_of_socket(std::string_view word) {
  for (const std::string_view folder : {"/dev/tcp/", "/dev/udp/"}) {
    const std::size_t at = word.find(folder);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = word.substr(at + folder.size());
    return rest.substr(0, rest.find('/'));
  }
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos || colon < 3 || colon > 16) return {};
  const std::string_view kind = word.substr(0, colon);
  const bool socket = kind == "TCP" || kind == "TCP4" || kind == "TCP6" || kind == "UDP" ||
                      kind == "UDP4" || kind == "TCP-CONNECT" || kind == "TCP4-CONNECT" ||
                      kind == "UDP-CONNECT" || kind == "OPENSSL" || kind == "OPENSSL-CONNECT" ||
                      kind == "SSL" || kind == "tcp" || kind == "tcp4" || kind == "udp" ||
                      kind == "openssl" || kind == "openssl-connect" || kind == "tcp-connect";
  if (!socket) return {};
  const std::string_view rest = word.substr(colon + 1);
  if (rest.starts_with('[')) return rest.substr(1, std::min(rest.find(']'), rest.size()) - 1);
  return rest.substr(0, rest.find_first_of(":,"));
}

}  // namespace

void add_arguments(const Parsed& parsed, Table& table, Arena& arena) {
  const std::size_t command = parsed.command;
  const Arguments& arguments = parsed.arguments;
  for (std::size_t i = 1; i < parsed.words.size(); ++i)
    table.add(command, Field::Argument, parsed.words[i].text);
  for (const GivenOption& option : arguments.options())
    table.add(command, Field::Option, option.name);
  for (const std::string_view cluster : arguments.clusters())
    table.add(command, Field::Option, cluster);
  for (const GivenOption& option : arguments.options()) {
    if (option.value.empty()) continue;
    table.add(command, Field::OptionValue,
              option.joined.empty() ? arena.keep(option.name, "=", option.value) : option.joined);
  }
  for (const Word* word : arguments.operands())
    table.add(command, Field::Operand, word->text);
  const bool files = takes_files(parsed.program);
  for (const Word* word : arguments.operands()) {
    if (files || looks_like_path(word->text))
      table.add(command, Field::OperandPath, resolve(word->text, parsed.place, arena));
  }
}

void add_facts(const Parsed& parsed, Table& table, Arena& arena) {
  Facts(parsed, table, arena).add();
  // Adding moves the others.
  for (std::size_t i = 0; i < table.values(parsed.command, Field::Address).size(); ++i) {
    const std::string_view host = table.values(parsed.command, Field::Address)[i];
    table.add_new(parsed.command, Field::AddressScope, scope_of(host));
  }
}

void add_addresses(std::size_t command, std::string_view word, Table& table, Arena& arena) {
  // The shortest that is one: 1.2.3.4, ::1.
  if (word.size() < 3) return;
  const auto add = [&](std::string_view host) {
    if (!host.empty()) table.add_new(command, Field::Address, normal_host(host, arena));
  };
  if (word.find(':') != std::string_view::npos) {
    std::size_t urls = 0;
    for (std::string_view rest = word; auto url = find_url(rest);) {
      table.add_new(command, Field::Url, url->text);
      table.add_new(command, Field::UrlHost, normal_host(url->host, arena));
      add(url->host);
      const auto end = static_cast<std::size_t>(url->text.data() + url->text.size() - rest.data());
      rest = rest.substr(end);
      if (++urls == 16) break;
    }
    if (is_ip(word)) add(word);
  }
  if (word.find_first_of(":/") != std::string_view::npos) add(host_of_socket(word));
  if (word.find('.') == std::string_view::npos && word.find('[') == std::string_view::npos) return;
  std::size_t found = 0;
  for (std::size_t from = 0; from < word.size() && found < 16; ++found) {
    const std::string_view ip = next_ip(word, from);
    if (ip.empty()) break;
    add(ip);
  }
}

bool prints_download(const Parsed& parsed, const Table& table) {
  const Arguments& arguments = parsed.arguments;
  const bool address = !table.values(parsed.command, Field::Url).empty();
  switch (fetcher_of(parsed.program)) {
    case Fetcher::Curl:
      return address && table.values(parsed.command, Field::DownloadsTo).empty();
    case Fetcher::Wget: {
      const auto to = arguments.value({"-O", "--output-document"});
      return address && to && (*to == "-" || *to == "/dev/stdout");
    }
    case Fetcher::Named:
      return address && arguments.value({"-o", "--output"}).value_or("") == "-";
    case Fetcher::Printer:
      return address;
    case Fetcher::Net:
      return !arguments.has("-z") && (arguments.operands().size() >= 2 || arguments.has("-l"));
    default:
      return false;
  }
}

}  // namespace shell
