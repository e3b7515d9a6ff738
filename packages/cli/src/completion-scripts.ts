/** What completes `tendril` in each shell. Job types are asked for when they are needed: `tendril completion types`. */

/** A shell. */
export type Shell = (typeof shells)[number];

/** Every shell that there is a script for. */
export const shells = ["bash", "zsh", "fish"] as const;

/** A command, as far as it can be completed. */
export interface Completable {
  readonly name: string;
  /** What may come next: `list`, `show`. */
  readonly words: readonly string[];
  /** `--json` and the like. */
  readonly options: readonly string[];
}

/** What an option's value is, when that is known. */
export interface OptionValues {
  /** Options whose value is a job type. */
  readonly types: readonly string[];
  /** Options whose value is a file. */
  readonly files: readonly string[];
  /** Options of one command whose value is a folder, whatever they are in others: `aws --state`. */
  readonly folders: readonly string[];
  /** Options with values of their own. */
  readonly fixed: Readonly<Record<string, readonly string[]>>;
}

/** The script of a shell. */
export function completionScript(shell: Shell, commands: readonly Completable[], values: OptionValues): string {
  switch (shell) {
    case "bash":
      return bash(commands, values);
    case "zsh":
      return zsh(commands, values);
    case "fish":
      return fish(commands, values);
  }
}

const quoted = (text: string): string => `"${text}"`;

/** The pattern of a command and an option, for options that mean the same in every command. */
const ofAny = (options: readonly string[]): string => options.map((option) => `*${quoted(` ${option}`)}`).join("|");

function bash(commands: readonly Completable[], { types, files, folders, fixed }: OptionValues): string {
  const ofCommand = ({ name, words, options }: Completable): string =>
    `    ${name}) words="${words.join(" ")}" options="${options.join(" ")}" ;;`;
  const ofFixed = Object.entries(fixed).map(
    ([option, each]) => `    ${ofAny([option])}) COMPREPLY=($(compgen -W "${each.join(" ")}" -- "$cur")); return ;;`,
  );
  return `# Completes tendril in bash. In ~/.bashrc: source <(tendril completion bash)
_tendril() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" words="" options=""
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")}" -- "$cur"))
    return
  fi
  case "\${COMP_WORDS[1]} $prev" in
    ${folders.map(quoted).join("|")}) COMPREPLY=($(compgen -d -- "$cur")); return ;;
    ${ofAny(types)}) COMPREPLY=($(compgen -W "$("\${COMP_WORDS[0]}" completion types 2>/dev/null)" -- "$cur")); return ;;
    ${ofAny(files)}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
${ofFixed.join("\n")}
  esac
  case "\${COMP_WORDS[1]}" in
${commands.map(ofCommand).join("\n")}
  esac
  if [[ "$cur" == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
  elif ((COMP_CWORD == 2)); then
    [[ "\${COMP_WORDS[1]}" == send ]] && words="$("\${COMP_WORDS[0]}" completion types 2>/dev/null)"
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}
complete -F _tendril tendril`;
}

function zsh(commands: readonly Completable[], { types, files, folders, fixed }: OptionValues): string {
  const ofCommand = ({ name, words, options }: Completable): string =>
    `    ${name}) follow=(${words.join(" ")}) options=(${options.join(" ")}) ;;`;
  const ofFixed = Object.entries(fixed).map(
    ([option, each]) => `    ${ofAny([option])}) compadd -- ${each.join(" ")}; return ;;`,
  );
  return `#compdef tendril
# Completes tendril in zsh. In ~/.zshrc, behind compinit: source <(tendril completion zsh)
_tendril() {
  local -a follow options
  if ((CURRENT == 2)); then
    compadd -- ${commands.map(({ name }) => name).join(" ")}
    return
  fi
  case "\${words[2]} \${words[CURRENT-1]}" in
    ${folders.map(quoted).join("|")}) _files -/; return ;;
    ${ofAny(types)}) compadd -- \${(f)"$("\${words[1]}" completion types 2>/dev/null)"}; return ;;
    ${ofAny(files)}) _files; return ;;
${ofFixed.join("\n")}
  esac
  case "\${words[2]}" in
${commands.map(ofCommand).join("\n")}
  esac
  if [[ "\${words[CURRENT]}" == -* ]]; then
    compadd -- $options
  elif ((CURRENT == 3)); then
    [[ "\${words[2]}" == send ]] && follow=(\${(f)"$("\${words[1]}" completion types 2>/dev/null)"})
    compadd -- $follow
  fi
}
compdef _tendril tendril`;
}

function fish(commands: readonly Completable[], { types, files, folders, fixed }: OptionValues): string {
  const ofOption = (name: string, option: string): string => {
    const each = fixed[option];
    const value = folders.includes(`${name} ${option}`)
      ? ' -x -a "(__fish_complete_directories)"'
      : types.includes(option)
        ? ' -x -a "(tendril completion types 2>/dev/null)"'
        : files.includes(option)
          ? " -r -F"
          : each === undefined
            ? ""
            : ` -x -a "${each.join(" ")}"`;
    return `complete -c tendril -n "__fish_seen_subcommand_from ${name}" -l ${option.slice(2)}${value}`;
  };
  const ofCommand = ({ name, words, options }: Completable): string[] => [
    `complete -c tendril -n __fish_use_subcommand -a ${name}`,
    ...(words.length === 0
      ? []
      : [
          `complete -c tendril -n "__fish_is_nth_token 2; and __fish_seen_subcommand_from ${name}" -a "${words.join(" ")}"`,
        ]),
    ...options.map((option) => ofOption(name, option)),
  ];
  return [
    "# Completes tendril in fish. In ~/.config/fish/config.fish: tendril completion fish | source",
    "complete -c tendril -f",
    ...commands.flatMap(ofCommand),
    'complete -c tendril -n "__fish_is_nth_token 2; and __fish_seen_subcommand_from send" -a "(tendril completion types 2>/dev/null)"',
  ].join("\n");
}
