namespace Suite
{
    public class Function
    {
        public string Handle(string input) => input;
    }
}
