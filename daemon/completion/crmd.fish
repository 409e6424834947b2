# fish completion for crmd
set -l commands run once check secret report
complete -c crmd -f
complete -c crmd -s c -l config -r -F -d 'Configuration'
complete -c crmd -s h -l help -d 'Commands and options'
complete -c crmd -s V -l version -d 'Version'
complete -c crmd -n "not __fish_seen_subcommand_from $commands" -a run -d 'Work until stopped'
complete -c crmd -n "not __fish_seen_subcommand_from $commands" -a once -d 'One full pass'
complete -c crmd -n "not __fish_seen_subcommand_from $commands" -a check -d 'Say what is wrong'
complete -c crmd -n "not __fish_seen_subcommand_from $commands" -a secret -d 'Write or show a section of the secrets file'
complete -c crmd -n "not __fish_seen_subcommand_from $commands" -a report -d 'One page of what a principal may see'
complete -c crmd -n '__fish_seen_subcommand_from secret; and not __fish_seen_subcommand_from set public' -a 'set public'
complete -c crmd -n '__fish_seen_subcommand_from report' -l principal -x -d 'Whose page it is'
complete -c crmd -n '__fish_seen_subcommand_from report' -l since -x -d 'First day'
complete -c crmd -n '__fish_seen_subcommand_from report' -l until -x -d 'Last day'
complete -c crmd -n '__fish_seen_subcommand_from report' -l unit -x -d 'Unit and those below it'
complete -c crmd -n '__fish_seen_subcommand_from report' -l language -x -a 'en es nl' -d 'Language'
complete -c crmd -n '__fish_seen_subcommand_from report' -s o -l output -r -F -d 'Where it is written'
