# What Ripper says the files on stdin require: PATH, KIND, SPEC, NAME by tabs; "PATH !" for a file that
# it cannot parse.
require "ripper"

KINDS = { "require" => 1, "require_relative" => 3, "load" => 3, "autoload" => 1 }.freeze

# A literal without interpolation, or nil.
def text(node)
  return text(node[1]) if node.is_a?(Array) && node[0] == :paren
  return nil unless node.is_a?(Array) && node[0] == :string_literal
  parts = node[1][1..]
  return nil unless parts.length == 1 && parts[0][0] == :@tstring_content
  parts[0][1]
end

def arguments(node)
  return arguments(node[1]) if [:arg_paren, :args_add_block].include?(node[0])
  node.is_a?(Array) && node[0].is_a?(Array) ? node : [node]
rescue StandardError
  []
end

def visit(node, rows)
  return unless node.is_a?(Array)
  name, args =
    case node[0]
    when :command then [node[1][1], node[2]]
    when :command_call then [node[3][1], node[4]]
    when :method_add_arg
      case node[1][0]
      when :fcall then [node[1][1][1], node[2]]
      when :call then [node[1][3].is_a?(Array) ? node[1][3][1] : nil, node[2]]
      end
    end
  if name && KINDS[name] && args && (name != "load" || [:command, :fcall].include?(node[0]) || node[1][0] == :fcall)
    list = arguments(args)
    spec = text(list[name == "autoload" ? 1 : 0])
    rows << "#{KINDS[name]}\t#{spec}\t" if spec && !spec.empty?
  end
  node.each { |child| visit(child, rows) }
end

$stdin.each_line(chomp: true) do |path|
  tree = Ripper.sexp(File.binread(path).force_encoding("UTF-8"))
  rows = []
  if tree
    visit(tree, rows)
  else
    rows << "!"
  end
  rows.uniq.each { |row| puts "#{path}\t#{row}" }
end
